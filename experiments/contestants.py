"""The solvers of the race. Each is called with float32 or float64 features and a tolerance, and returns Params."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
import scipy.optimize
from sklearn.linear_model import LogisticRegression

import softmax_jax as sj
from softmax_jax.dtypes import scope
from softmax_jax.runs import blas_threads

Contestant = Callable[[np.ndarray, np.ndarray, float, float], sj.Params]
MAX_ITER = 10_000


def ours(solver: Any) -> Contestant:
    """`fit` with one solver; tol is the certified gap."""

    def run(X: np.ndarray, y: np.ndarray, l2: float, tol: float) -> sj.Params:
        return sj.fit(X, y, l2=l2, solver=solver, tol=tol, max_iter=MAX_ITER).params

    return run


def scikit_learn(solver: str, threads: int | None = None) -> Contestant:
    """LogisticRegression, on a number of BLAS threads or on all; tol is its own."""

    def run(X: np.ndarray, y: np.ndarray, l2: float, tol: float) -> sj.Params:
        model = LogisticRegression(C=1 / (l2 * len(y)), solver=solver, tol=tol, max_iter=MAX_ITER)
        with blas_threads.limited(threads):
            model.fit(X, y)
        return sj.Params(model.coef_.T.astype(np.float64), model.intercept_.astype(np.float64))

    return run


def scipy_lbfgs(X: np.ndarray, y: np.ndarray, l2: float, tol: float) -> sj.Params:
    """L-BFGS-B of scipy on the closed form in NumPy; tol bounds the largest entry of the gradient."""
    (n, m), k = X.shape, int(y.max()) + 1

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        W, b = flat[: m * k].reshape(m, k).astype(X.dtype), flat[m * k :].astype(X.dtype)
        Z = X @ W + b
        Z -= Z.max(axis=1, keepdims=True)
        picked = Z[np.arange(n), y].sum(dtype=np.float64)
        np.exp(Z, out=Z)
        total = Z.sum(axis=1, keepdims=True)
        J = (np.log(total).sum(dtype=np.float64) - picked) / n + l2 / 2 * float(np.vdot(W, W))
        Z /= total
        Z[np.arange(n), y] -= 1
        Z /= n
        return J, np.concatenate([(X.T @ Z + l2 * W).ravel(), Z.sum(axis=0)]).astype(np.float64)

    options = {"gtol": tol, "ftol": 0.0, "maxiter": MAX_ITER, "maxfun": MAX_ITER}
    found = scipy.optimize.minimize(
        value_and_gradient, np.zeros((m + 1) * k), jac=True, method="L-BFGS-B", options=options
    )
    return sj.Params(found.x[: m * k].reshape(m, k), found.x[m * k :])


def on_one_thread(contestant: Contestant) -> Contestant:
    """A contestant that computes by BLAS, on one of its threads."""

    def run(X: np.ndarray, y: np.ndarray, l2: float, tol: float) -> sj.Params:
        with blas_threads.limited(1):
            return contestant(X, y, l2, tol)

    return run


def optax_lbfgs(X: np.ndarray, y: np.ndarray, l2: float, tol: float) -> sj.Params:
    """optax.lbfgs with its zoom line search on `jax.grad` of the objective; tol bounds the gradient's norm."""
    with scope(X.dtype):
        T = sj.one_hot_encode(y).astype(X.dtype)
        start = sj.init_params(X.shape[1], T.shape[1], zeros=True, dtype=X.dtype)
        return jax.tree.map(np.array, _optax_minimise(start, X, T, np.asarray(l2, X.dtype), np.asarray(tol, X.dtype)))


@jax.jit
def _optax_minimise(start: sj.Params, X: Any, T: Any, l2: Any, tol: Any) -> sj.Params:
    def cost(params: sj.Params) -> Any:
        return sj.objective(params, X, T, l2)

    optimiser = optax.lbfgs()
    value_and_gradient = optax.value_and_grad_from_state(cost)

    def step(carry: tuple) -> tuple:
        params, state, i, _ = carry
        value, gradient = value_and_gradient(params, state=state)
        updates, state = optimiser.update(gradient, state, params, value=value, grad=gradient, value_fn=cost)
        return optax.apply_updates(params, updates), state, i + 1, optax.tree.norm(gradient)

    def unfinished(carry: tuple) -> Any:
        return (carry[2] < 5000) & (carry[3] > tol)

    params = jax.tree.map(jax.numpy.asarray, start)
    infinite = jax.numpy.asarray(np.inf, X.dtype)
    return jax.lax.while_loop(unfinished, step, (params, optimiser.init(params), 0, infinite))[0]


def torch_lbfgs(X: np.ndarray, y: np.ndarray, l2: float, tol: float) -> sj.Params:
    """torch.optim.LBFGS with its strong Wolfe search; tol bounds the largest entry of the gradient."""
    import torch

    features, labels = torch.from_numpy(X), torch.from_numpy(y.astype(np.int64))
    W, b = torch_parameters(X.shape[1], int(y.max()) + 1, features)
    return torch_minimise(features, labels, W, b, l2, tol)


def torch_parameters(m: int, k: int, like: Any) -> tuple[Any, Any]:
    """Zeros W (m, k) and b (k,) where `like` lies, in its dtype."""
    import torch

    place = {"dtype": like.dtype, "device": like.device, "requires_grad": True}
    return torch.zeros(m, k, **place), torch.zeros(k, **place)


def torch_minimise(features: Any, labels: Any, W: Any, b: Any, l2: float, tol: float) -> sj.Params:
    """Minimise J from W and b, which are changed in place, and return a copy of them."""
    import torch

    optimiser = torch.optim.LBFGS(
        [W, b], max_iter=5000, max_eval=10_000, tolerance_grad=tol, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )

    def closure() -> Any:
        optimiser.zero_grad()
        J = torch.nn.functional.cross_entropy(features @ W + b, labels) + l2 / 2 * (W * W).sum()
        J.backward()
        return J

    optimiser.step(closure)
    return sj.Params(*(p.detach().cpu().numpy().astype(np.float64) for p in (W, b)))


OURS: dict[str, Contestant] = {
    "softmax_jax auto": ours(None),
    "softmax_jax LBFGS": ours(sj.LBFGS()),
    "softmax_jax NewtonCG": ours(sj.NewtonCG()),
    "softmax_jax Newton": ours(sj.Newton()),
}
THEIRS: dict[str, Contestant] = {
    "scikit-learn lbfgs": scikit_learn("lbfgs"),
    "scikit-learn newton-cg": scikit_learn("newton-cg"),
    "scikit-learn newton-cholesky": scikit_learn("newton-cholesky"),
    "scikit-learn lbfgs, 1 thread": scikit_learn("lbfgs", 1),
    "scikit-learn newton-cg, 1 thread": scikit_learn("newton-cg", 1),
    "scikit-learn newton-cholesky, 1 thread": scikit_learn("newton-cholesky", 1),
    "scipy L-BFGS-B": scipy_lbfgs,
    "scipy L-BFGS-B, 1 thread": on_one_thread(scipy_lbfgs),
    "optax lbfgs": optax_lbfgs,
}
if importlib.util.find_spec("torch"):
    THEIRS["torch LBFGS"] = torch_lbfgs
