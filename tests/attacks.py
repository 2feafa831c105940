"""Attacks on the proof: random problems of the kinds that have broken a bound, against an optimum in longdouble.

    python tests/attacks.py --problems 10000 --seed 0

No bound may be below J - J_ref, where J_ref is J in longdouble at the best parameters that Newton's method finds. J_ref
is never below J*, so that a bound it refutes is refuted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

import softmax_jax as sj
from softmax_jax.model import Params

LONG = np.longdouble
SHAPES = [(12, 14, 3), (60, 5, 3), (40, 2, 2)]  # few, because each is compiled for
KINDS = ("ordinary", "soft32", "bias", "offset", "scale", "columns", "weights", "fixed bias")
SLACK = 1e-17  # nats: what longdouble's own rounding may be taken for, in parts of 1 + J


class Attack(NamedTuple):
    kind: str
    X: np.ndarray
    T: np.ndarray
    l2: float
    weight: np.ndarray | None
    fit_intercept: bool
    off: float  # how far the bias is moved


class Refuted(NamedTuple):
    seed: int
    kind: str
    claim: str
    bound: float
    distance: float


class ByBlocks:
    """Rows that are read by blocks."""

    def __init__(self, X: np.ndarray) -> None:
        self.X, self.shape, self.dtype = X, X.shape, X.dtype

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        yield from (self.X[i : i + rows] for i in range(0, len(self.X), rows))


def attack(seed: int) -> Attack:
    """A random problem of a kind."""
    rng = np.random.default_rng(seed)
    kind, (n, m, k) = KINDS[seed % len(KINDS)], SHAPES[seed // len(KINDS) % len(SHAPES)]
    X = rng.standard_normal((n, m))
    if kind == "soft32":
        X *= 10 ** rng.uniform(-1, 3)
    if kind == "offset":
        X += rng.standard_normal(m) * 10 ** rng.uniform(0, 7)
    if kind == "scale":
        X *= 10 ** (rng.uniform(-160, -140) if rng.random() < 0.5 else rng.uniform(-8, 8))
    if kind == "columns":
        X *= 10 ** rng.uniform(-4, 4, m)
    soft = kind == "soft32" or rng.random() < 0.3
    labels = np.concatenate([np.arange(k), rng.integers(0, k, n)])[:n]
    T = rng.dirichlet(np.full(k, 10 ** rng.uniform(-1.5, 0.5)), n) if soft else np.eye(k)[labels]
    T = np.where(np.isfinite(T), T, 1 / k)  # dirichlet may underflow
    T = T.astype(np.float32) if kind == "soft32" else T
    weight = rng.uniform(0, 1, n) ** 8 * (rng.random(n) > 0.2) if kind == "weights" else None
    off = rng.uniform(0, 60) if kind == "bias" else 10 ** rng.uniform(-8, 1)
    return Attack(kind, X, T, 10 ** rng.uniform(-9, 1), weight, kind != "fixed bias", off)


def refuted(seed: int) -> Iterator[Refuted]:
    """Claims of one problem that do not hold."""
    a = attack(seed)
    rng = np.random.default_rng(seed + 10**6)
    reference = Reference(a)
    found = sj.fit(a.X, a.T, l2=a.l2, sample_weight=a.weight, fit_intercept=a.fit_intercept, tol=1e-9, max_iter=300)
    W, b = (np.asarray(p, np.float64) for p in found.params)
    points = {"zero": Params(np.zeros_like(W), np.zeros_like(b)), "fit": Params(W, b)}
    if a.fit_intercept:
        points["bias off"] = Params(W, b + a.off * rng.standard_normal(b.shape))
    spread = np.maximum(np.std(a.X, axis=0), 1e-300)[:, None]
    points["weights off"] = Params(W + rng.standard_normal(W.shape) * a.off / spread, b)
    best = reference.minimum(min(points.values(), key=reference.J))

    def check(claim: str, bound: float, J: np.longdouble) -> Iterator[Refuted]:
        if not bound >= J - best - SLACK * (1 + abs(best)):
            yield Refuted(seed, a.kind, claim, float(bound), float(J - best))

    yield from check(f"fit, {found.status}", found.duality_gap, reference.J(found.params))
    for name, params in points.items():
        bound = sj.duality_gap(params, a.X, a.T, a.l2, a.weight, a.fit_intercept)
        yield from check(name, bound, reference.J(params))
        if seed % 5 == 0:
            bound = sj.duality_gap(params, ByBlocks(a.X), a.T, a.l2, a.weight, a.fit_intercept)
            yield from check(f"{name}, by blocks", bound, reference.J(params))


class Reference:
    """J of one problem in longdouble, and its minimum by Newton's method on standardised columns."""

    def __init__(self, a: Attack) -> None:
        X, T = a.X.astype(LONG), a.T.astype(LONG)
        w = np.ones(len(X), LONG) if a.weight is None else a.weight.astype(LONG)
        self.X, self.T, self.w, self.l2 = X, T / T.sum(axis=1, keepdims=True), w / w.sum(), LONG(a.l2)
        self.free = a.fit_intercept
        self.mean = self.w @ X if self.free else np.zeros(X.shape[1], LONG)
        self.offset = self.mean.astype(np.float64)
        self.scale = np.sqrt(self.w @ (X - self.mean) ** 2)
        self.V = (X - self.mean) / self.scale

    def J(self, params: Params) -> np.longdouble:
        """J at `params`; columns far from zero are shifted first, and the bias with them, exactly."""
        W, b = (np.asarray(p, np.float64) for p in params)
        b = np.array([_exactly(b[j], self.offset, W[:, j]) for j in range(len(b))], LONG)
        return self._loss((self.X - self.offset) @ W.astype(LONG) + b)[0] + self.l2 / 2 * np.sum(W.astype(LONG) ** 2)

    def minimum(self, start: Params, steps: int = 12) -> np.longdouble:
        """The least J that is found from `start` on."""
        m = self.V.shape[1]
        design = np.concatenate([self.V, np.full((len(self.V), 1), LONG(self.free))], axis=1)
        penalty = np.append(self.l2 / self.scale**2, LONG(0))[:, None]
        W, b = (np.asarray(p, LONG) for p in start)
        theta = np.concatenate([W * self.scale[:, None], (b + self.mean @ W)[None]])
        fixed = b[None] * (not self.free)

        def J(theta: np.ndarray) -> np.longdouble:
            return self._loss(design @ theta + fixed)[0] + np.sum(penalty * theta**2) / 2

        theta[m] *= self.free
        value = J(theta)
        for _ in range(steps):
            O = self._loss(design @ theta + fixed)[1]
            g = design.T @ (self.w[:, None] * (O - self.T)) + penalty * theta
            d = self._step(design.astype(np.float64), O.astype(np.float64), penalty[:, 0], g)
            t = LONG(1)
            while t > 1e-6 and not J(theta + t * d) < value:
                t /= 4
            if t <= 1e-6:
                break
            theta = theta + t * d
            value = J(theta)
        return value

    def _step(self, design: np.ndarray, O: np.ndarray, penalty: np.ndarray, g: np.ndarray) -> np.ndarray:
        """A Newton step; the Hessian, scaled by its diagonal, needs no more than float64."""
        p, k = design.shape[1], O.shape[1]
        wO = self.w.astype(np.float64)[:, None] * O
        H = np.zeros((k, p, k, p))
        for j in range(k):
            for other in range(j):  # a diagonal block is the sum of the others: O (1 - O) would cancel
                block = (design * (wO[:, j] * O[:, other])[:, None]).T @ design
                H[j, :, other] = H[other, :, j] = -block
                H[j, :, j] += block
                H[other, :, other] += block
        H = H.reshape(k * p, k * p)
        diagonal = np.diag(H) + np.tile(penalty, k)
        scale = 1 / np.sqrt(np.maximum(diagonal, LONG("1e-4000")))
        scaled = (H * scale[:, None] * scale[None]).astype(np.float64)
        np.fill_diagonal(scaled, 1 + 1e-14)
        right = scale * g.T.reshape(-1)
        largest = np.abs(right).max() or LONG(1)
        d = np.linalg.solve(scaled, (-right / largest).astype(np.float64))
        return (scale * (d * largest)).reshape(k, p).T

    def _loss(self, Z: np.ndarray) -> tuple[np.longdouble, np.ndarray]:
        Z = Z - Z.max(axis=1, keepdims=True)
        E = np.exp(Z)
        total = E.sum(axis=1, keepdims=True)
        return -(self.w @ np.sum(self.T * (Z - np.log(total)), axis=1)), E / total


def _exactly(b: float, o: np.ndarray, w: np.ndarray) -> np.longdouble:
    """B + o.w, rounded once."""
    total = sum((Fraction(x) * Fraction(y) for x, y in zip(o.tolist(), w.tolist(), strict=True)), Fraction(float(b)))
    high = float(total)
    return LONG(high) + LONG(float(total - Fraction(high)))


def main() -> None:
    """Attack with as many problems as are asked for; the exit code is 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first problem")
    given = parser.parse_args()
    wrong = [r for seed in range(given.seed, given.seed + given.problems) for r in refuted(seed)]
    for r in wrong:
        print(r)
    print(f"{given.problems} problems from seed {given.seed}: {len(wrong)} bounds below the true distance")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
