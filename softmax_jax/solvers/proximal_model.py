"""The minimum of a quadratic model plus l1 Omega, by Hessian-vector products alone.

    q(V) = <g, V - W> + <V - W, H (V - W)> / 2 + l1 Omega(V)

Two kinds of steps alternate. A proximal gradient step, in the diagonal of H, finds which weights are zero; it is taken
in full, so that they are zero exactly, and more carefully where H exceeds its diagonal along it. Conjugate gradients
then go to the minimum over the weights that are not zero, as long as they keep their signs; where some would change
them, these become zero, and the rest is tried at shorter steps. What shifts all classes alike is set to its best value
in closed form on the way: along it H is singular.

All of it is for columns less their mean, which takes the bias out of the way of W. No step makes q larger.

References:
  More, Toraldo, On the solution of large quadratic programming problems with bound constraints, SIAM J. Optim. 1991.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from softmax_jax.model import PRECISION, Params
from softmax_jax.penalties import growth
from softmax_jax.problem.problem import Penalty, Point, Problem
from softmax_jax.solvers.vectors import add_scaled, dot, negative

LARGEST_RATIO = 1.3  # of the curvature along a proximal step to that of its metric, at which it still descends
RELAXED = 0.8  # what caution is multiplied by after a proximal step
MOST_TRIALS = 20  # of caution
FACE_PRODUCTS = 12  # of one solve over the weights that are not zero
FACE_ACCURACY = 0.3  # relative residual, at which it ends
LEFT_SHARE = 0.1  # of the weights, on their way to another sign, from which it ends as well
SHORTER = 0.4  # factor from one trial to the next where signs change
SHORTENINGS = 4
FLOOR = 1e-6  # least curvature of a class


class Model(NamedTuple):
    """What does not change while the model is minimised."""

    point: Point
    mean: Any  # (m,) of the columns
    unit: Params  # the diagonal of H


class Minimum(NamedTuple):
    """The minimum found, at a bias for columns less their mean, with the decrease of q and the products it took."""

    W: Any
    b: Any  # less that at the start
    decrease: Any  # () <g, D> + l1 (Omega(V) - Omega(W)), the slope of J that is to be expected: negative
    caution: Any
    products: Any


class _Carry(NamedTuple):
    """V = W + D, the gradient r of the model's smooth part there, and how far it is from its minimum."""

    V: Any  # (m, k)
    b: Any  # (k,), less that at the start
    r: Params
    size: Any  # () the squared length of the subgradient, in the model's diagonal
    caution: Any
    products: Any


def minimised(
    problem: Problem, point: Point, mean: Any, variance: Any, caution: Any, most: int, forcing: float
) -> Minimum:
    """The model's minimum, to a violation of `forcing` times that at its start.

    Args:
      problem: asked for Hessian-vector products at `point`.
      point: of `problem`.
      mean: (m,) of the columns; zero where the bias is not free.
      variance: (m,) of the columns about it.
      caution: () >= 0, of the last minimum.
      most: products, about.
      forcing: in (0, 1).
    """
    penalty = problem.penalty
    model, start = _begun(penalty, point, mean, variance, caution)
    wanted = forcing**2 * start.size

    def unfinished(c: _Carry) -> Any:
        return (c.products < most) & (c.size > wanted)

    def cycle(c: _Carry) -> _Carry:
        return _over_face(problem, model, _proximal(problem, model, c), wanted)

    end = problem.while_loop(unfinished, cycle, start)
    return _ended(penalty, model, end)


@jax.jit
def _begun(penalty: Penalty, point: Point, mean: Any, variance: Any, caution: Any) -> tuple[Model, _Carry]:
    kind, W = penalty.sparsity, point.params.W
    curvature = jnp.maximum(point.curvature, FLOOR)
    diagonal = variance[:, None] * curvature[None] + penalty.l2
    if kind.sizes(W).shape != W.shape:
        diagonal = jnp.broadcast_to(jnp.max(diagonal, axis=1, keepdims=True), W.shape)
    diagonal = jnp.where(diagonal > 0, diagonal, 1)  # of columns of zeros, whose gradient is zero
    gW, gb = point.gradient
    r = Params(gW - mean[:, None] * gb[None], gb)
    model = Model(point, mean, Params(diagonal, curvature))
    none = jnp.zeros((), jnp.int32)
    return model, _Carry(W, jnp.zeros_like(gb), r, _size(penalty, model, W, r), caution, none)


@jax.jit
def _ended(penalty: Penalty, model: Model, end: _Carry) -> Minimum:
    W, (gW, gb) = model.point.params.W, model.point.gradient
    D = end.V - W
    db = end.b - jnp.matmul(model.mean, D, precision=PRECISION)
    slope = jnp.vdot(gW, D) + jnp.vdot(gb, db) + growth(penalty.sparsity, W, D)
    return Minimum(end.V, end.b, slope, end.caution, end.products)


def _size(penalty: Penalty, model: Model, V: Any, r: Params) -> Any:
    shortest = penalty.sparsity.subgradient(V, r.W)
    return jnp.sum(jnp.square(shortest) / model.unit.W) + jnp.sum(jnp.square(r.b) / model.unit.b)


def _product(problem: Problem, model: Model, d: Params) -> Params:
    """H d, for columns less their mean; a little of its diagonal is added, for directions along which H is zero."""
    return _centred_product(model, d, problem.hessian_product(model.point, _uncentred(model, d)))


@jax.jit
def _uncentred(model: Model, d: Params) -> Params:
    return Params(d.W, d.b - jnp.matmul(model.mean, d.W, precision=PRECISION))


@jax.jit
def _centred_product(model: Model, d: Params, H: Params) -> Params:
    little = _damping(d.W.dtype)
    dW = H.W - model.mean[:, None] * H.b[None] + little * model.unit.W * d.W
    return Params(dW, H.b)


def _damping(dtype: Any) -> float:
    return 16 * float(jnp.finfo(dtype).eps)


class _Trial(NamedTuple):
    """A proximal step d, its product, and whether the metric is steep enough for it."""

    caution: Any
    d: Params
    Hd: Params
    holds: Any
    trials: Any


def _proximal(problem: Problem, model: Model, c: _Carry) -> _Carry:
    """The proximal gradient step, as cautious as it has to be."""
    penalty = problem.penalty

    def unfinished(t: _Trial) -> Any:
        return ~t.holds & (t.trials < MOST_TRIALS)

    def attempt(t: _Trial) -> _Trial:
        d = _proximal_step(penalty, model, c, t.caution)
        return _judged(model, t, d, _product(problem, model, d))

    zero = jax.tree.map(jnp.zeros_like, c.r)
    first = _Trial(c.caution, zero, zero, jnp.zeros((), bool), jnp.zeros((), jnp.int32))
    return _stepped(penalty, model, c, problem.while_loop(unfinished, attempt, first))


@jax.jit
def _proximal_step(penalty: Penalty, model: Model, c: _Carry, caution: Any) -> Params:
    metric, kind = caution * model.unit.W, penalty.sparsity
    threshold = kind.l1 / (metric if kind.sizes(c.V).shape == c.V.shape else metric[:, :1])
    V = kind.prox(c.V - c.r.W / metric, threshold)
    return Params(V - c.V, -c.r.b / (caution * model.unit.b))


@jax.jit
def _judged(model: Model, t: _Trial, d: Params, Hd: Params) -> _Trial:
    own = t.caution * dot(d, Params(model.unit.W * d.W, model.unit.b * d.b))
    ratio = dot(d, Hd) / jnp.maximum(own, jnp.finfo(own.dtype).tiny)
    holds = ~(ratio > LARGEST_RATIO)
    caution = jnp.where(holds, t.caution, t.caution * jnp.clip(ratio, 1.5, 4))
    return _Trial(caution, d, Hd, holds, t.trials + 1)


@jax.jit
def _stepped(penalty: Penalty, model: Model, c: _Carry, t: _Trial) -> _Carry:
    caution = jnp.maximum(RELAXED * t.caution, 0.01)
    return _at(penalty, model, c, t.d, t.Hd, t.trials)._replace(caution=caution)


def _at(penalty: Penalty, model: Model, c: _Carry, d: Params, Hd: Params, products: Any) -> _Carry:
    """The carry at V + d, shifted to where the penalty is least."""
    V = c.V + d.W
    shift = penalty.sparsity.shift(V, penalty.l2)
    r = Params(c.r.W + Hd.W + penalty.l2 * shift, c.r.b + Hd.b)
    V = V + shift
    size = _size(penalty, model, V, r)
    return _Carry(V, c.b + d.b, r, size, c.caution, c.products + products)


class _Face(NamedTuple):
    """Conjugate gradients over the weights that are not zero: the step x with H x, residual s, direction p."""

    i: Any
    x: Params
    Hx: Params
    s: Params
    p: Params
    sz: Any
    left: Any  # share of the weights that would change their sign


def _over_face(problem: Problem, model: Model, c: _Carry, wanted: Any) -> _Carry:
    """To the minimum over the weights that are not zero, or as far as the model falls."""
    penalty = problem.penalty
    start = _face(penalty, model, c)
    enough = _enough(start.sz, wanted)

    def unfinished(f: _Face) -> Any:
        ends = (f.sz <= enough) | ((f.i >= 3) & (f.left > LEFT_SHARE))
        return (f.i < FACE_PRODUCTS) & ~ends

    def iterate(f: _Face) -> _Face:
        return _iterated(penalty, model, c, f, _product(problem, model, f.p))

    end = problem.while_loop(unfinished, iterate, start)
    step = _whole_step(penalty, c, end)

    def fails(a: _Arc) -> Any:
        return ~a.descends & (a.trials < SHORTENINGS)

    def shorten(a: _Arc) -> _Arc:
        d, t = _arc_step(penalty, c, end, a)
        return _tried(penalty, c, a, d, t, _product(problem, model, d))

    return _landed(penalty, model, c, end, problem.while_loop(fails, shorten, step))


@jax.jit
def _enough(sz: Any, wanted: Any) -> Any:
    return jnp.maximum(FACE_ACCURACY**2 * sz, wanted / 4)


@jax.jit
def _face(penalty: Penalty, model: Model, c: _Carry) -> _Face:
    s = negative(Params(_on_face(c.V, penalty.sparsity.subgradient(c.V, c.r.W)), c.r.b))
    z = _preconditioned(penalty, model, c, s)
    none = jax.tree.map(jnp.zeros_like, s)
    return _Face(jnp.zeros((), jnp.int32), none, none, s, z, dot(s, z), jnp.zeros((), s.b.dtype))


def _on_face(V: Any, g: Any) -> Any:
    """The entries of g where V is not zero."""
    return jnp.where(V != 0, g, 0)


def _preconditioned(penalty: Penalty, model: Model, c: _Carry, s: Params) -> Params:
    return Params(s.W / (model.unit.W + penalty.sparsity.stiffness(c.V)), s.b / model.unit.b)


@jax.jit
def _iterated(penalty: Penalty, model: Model, c: _Carry, f: _Face, Hp: Params) -> _Face:
    kind = penalty.sparsity
    inner = Params(_on_face(c.V, Hp.W + kind.curvature(c.V, f.p.W)), Hp.b)
    curvature = dot(f.p, inner)
    good = (curvature > 0) & jnp.isfinite(curvature)
    a = jnp.where(good, f.sz / curvature, 0)
    x, Hx, s = add_scaled(f.x, a, f.p), add_scaled(f.Hx, a, Hp), add_scaled(f.s, -a, inner)
    z = _preconditioned(penalty, model, c, s)
    sz = jnp.where(good, dot(s, z), 0)
    left = jnp.sum(kind.leaving(c.V, x.W)) / jnp.maximum(jnp.sum(c.V != 0), 1)
    return _Face(f.i + 1, x, Hx, s, add_scaled(z, sz / f.sz, f.p), sz, left.astype(sz.dtype))


class _Arc(NamedTuple):
    """A step within the piece: what comes behind zero is zero."""

    t: Any
    d: Params
    Hd: Params
    descends: Any
    trials: Any


@jax.jit
def _whole_step(penalty: Penalty, c: _Carry, f: _Face) -> _Arc:
    """The whole of x where all weights keep their signs, or as much of it as makes q least among halvings."""
    t = _length(penalty, c, f)
    crosses = jnp.any(penalty.sparsity.leaving(c.V, f.x.W))
    x, Hx = jax.tree.map(lambda a: t * a, (f.x, f.Hx))
    return _Arc(jnp.ones_like(t), x, Hx, ~crosses, jnp.zeros((), jnp.int32))


def _length(penalty: Penalty, c: _Carry, f: _Face) -> Any:
    """The longest of 1, 1/2, 1/4, ... at which q has fallen along x; 0 where none."""
    steps = 0.5 ** jnp.arange(12, dtype=c.b.dtype)

    def change(t: Any) -> Any:
        return t * dot(c.r, f.x) + t**2 / 2 * dot(f.x, f.Hx) + growth(penalty.sparsity, c.V, t * f.x.W)

    changes = jax.lax.map(change, steps)
    falls = changes < 0
    return jnp.where(jnp.any(falls), steps[jnp.argmax(falls)], 0)


@jax.jit
def _arc_step(penalty: Penalty, c: _Carry, f: _Face, a: _Arc) -> tuple[Params, Any]:
    behind = penalty.sparsity.leaving(c.V, a.t * f.x.W)
    return Params(jnp.where(behind, -c.V, a.t * f.x.W), a.t * f.x.b), SHORTER * a.t


@jax.jit
def _tried(penalty: Penalty, c: _Carry, a: _Arc, d: Params, t: Any, Hd: Params) -> _Arc:
    change = dot(c.r, d) + dot(d, Hd) / 2 + growth(penalty.sparsity, c.V, d.W)
    return _Arc(t, d, Hd, change < 0, a.trials + 1)


@jax.jit
def _landed(penalty: Penalty, model: Model, c: _Carry, f: _Face, a: _Arc) -> _Carry:
    """The step that was found; else as far along x as no weight changes its sign, where the first become zero."""
    until = jnp.min(jnp.where(penalty.sparsity.leaving(c.V, f.x.W), -c.V / jnp.where(f.x.W == 0, 1, f.x.W), jnp.inf))
    until = jnp.where(jnp.isfinite(until), until, 0)
    first = penalty.sparsity.leaving(c.V, until * (1 + 1e-6) * f.x.W)
    short = Params(jnp.where(first, -c.V, until * f.x.W), until * f.x.b)
    d, Hd = jax.tree.map(
        lambda step, other: jnp.where(a.descends, step, other),
        (a.d, a.Hd),
        (short, jax.tree.map(lambda h: until * h, f.Hx)),
    )
    return _at(penalty, model, c, d, Hd, f.i + a.trials)
