"""Attacks on the proof with l1: the kinds of attacks.py, at random strengths, for weights and for whole features.

    python tests/sparse_attacks.py --problems 10000 --seed 0

No bound may be below J - J_ref, J_ref the least J in longdouble of all parameters that occur, which is never below J*.
At the fitted parameters the bound has to be about what was asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from attacks import LONG, SLACK, ByBlocks, Reference, Refuted, attack

import softmax_jax as sj
from softmax_jax.model import Params

TOL = 1e-11
LOOSE = 1e-9  # the bound at a fit that converged to TOL, columns of many units apart


def refuted(seed: int) -> Iterator[Refuted]:
    """Claims of one problem that do not hold."""
    a, rng = attack(seed), np.random.default_rng(seed + 10**7)
    group = (None, "features")[seed // 8 % 2]
    weighting, free = a.weight, a.fit_intercept
    kept = {"sample_weight": weighting, "fit_intercept": free}
    top = sj.l1_max(a.X, a.T, group=group, **kept)
    if not top > 0:
        return
    l1 = top * 10 ** rng.uniform(-2, 0.1)
    l2 = (0.0, l1 * 10 ** rng.uniform(-6, 2) / max(1.0, np.abs(a.X).max()) ** 2)[(seed + seed // 8) % 2]
    found = sj.fit(a.X, a.T, l1=l1, l2=l2, group=group, tol=TOL, max_iter=300, **kept)
    reference = Reference(a._replace(l2=l2))

    def J(params: Params) -> np.longdouble:
        W = np.asarray(params.W, np.float64).astype(LONG)
        size = np.abs(W).sum() if group is None else np.sqrt((W**2).sum(axis=1)).sum()
        return reference.J(params) + LONG(l1) * size

    W, b = (np.asarray(p, np.float64) for p in found.params)
    points = {"zero": Params(np.zeros_like(W), np.zeros_like(b)), "fit": Params(W, b)}
    if free:
        points["bias off"] = Params(W, b + a.off * rng.standard_normal(b.shape))
    spread = np.maximum(np.std(a.X, axis=0), 1e-300)[:, None]
    points["weights off"] = Params(W + rng.standard_normal(W.shape) * a.off / spread, b)
    points["a little off"] = Params(W * (1 + 1e-7 * rng.standard_normal(W.shape)), b)
    best = min(J(params) for params in points.values())

    def check(claim: str, bound: float, params: Params) -> Iterator[Refuted]:
        if not bound >= J(params) - best - SLACK * (1 + abs(best)):
            yield Refuted(seed, a.kind, claim, float(bound), float(J(params) - best))

    yield from check(f"fit, {found.status}", found.duality_gap, found.params)
    for name, params in points.items():
        given = (a.T, l2, weighting, free, l1, group)
        bound = sj.duality_gap(params, a.X, *given)
        yield from check(name, bound, params)
        if name == "fit" and found.status == "converged" and bound > LOOSE:
            yield Refuted(seed, a.kind, "loose at the optimum", float(bound), 0.0)
        if seed % 5 == 0:
            yield from check(f"{name}, by blocks", sj.duality_gap(params, ByBlocks(a.X), *given), params)


def main() -> None:
    """Attack with as many problems as are asked for; the exit code is 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first problem")
    given = parser.parse_args()
    wrong = [r for seed in range(given.seed, given.seed + given.problems) for r in refuted(seed)]
    for r in wrong:
        print(r)
    print(f"{given.problems} problems from seed {given.seed}: {len(wrong)} bounds below the true distance, or loose")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
