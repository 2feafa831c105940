"""Gradient descent by epochs and minibatches, with any optax optimiser; a whole epoch per dispatch.

One update on the rows B of a minibatch:  theta <- theta - eta * gradient of (1/|B|) sum_B s_i H_i + l2/2 ||W||^2.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import numbers
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from softmax_jax.certificate.bound import certify
from softmax_jax.dtypes import scope
from softmax_jax.losses import ridge, sample_losses
from softmax_jax.model import Params, net_input
from softmax_jax.problem.problem import Data, Problem
from softmax_jax.runtime.host import refuse_traced
from softmax_jax.solvers.driver import Progress
from softmax_jax.solvers.solutions import Outcome
from softmax_jax.solvers.steps import objective_at
from softmax_jax.solvers.stopping import rounded
from softmax_jax.storage.checkpoints import CheckpointError
from softmax_jax.storage.resuming import from_tensors, to_tensors
from softmax_jax.storage.saving import Saving
from softmax_jax.updates import update

if TYPE_CHECKING:
    import optax


@dataclasses.dataclass(frozen=True)
class SGD:
    """Gradient descent.

    Attributes:
      eta: learning rate > 0; ignored where `optimiser` is given.
      epochs: passes over the data, at least 1.
      minibatches: samples per update, at least 1; None for all of them. The last short batch is used.
      optimiser: an optax gradient transformation in place of plain descent.

    Raises:
      ValueError: eta, epochs or minibatches out of range.

    Example:
        >>> from softmax_jax.fitting.single import fit
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["a", "b", "a", "b"]
        >>> result = fit(X, y, l2=0.1, solver=SGD(eta=0.1, epochs=5, minibatches=2))
        >>> len(result.history)  # the cost before each of 5 x 2 updates
        10
    """

    eta: float = 0.1
    epochs: int = 100
    minibatches: int | None = None
    optimiser: optax.GradientTransformation | None = None

    gradient: ClassVar[str] = "closed_form"
    is_exact: ClassVar[bool] = False
    needs_rows: ClassVar[bool] = True
    always_float64: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        refuse_traced("SGD", vars(self))
        eta: Any = self.eta
        if isinstance(eta, bool) or not isinstance(eta, numbers.Real) or not 0 < float(eta) < np.inf:
            raise ValueError(f"eta must be a finite number > 0, got {self.eta!r}.")
        _check_count("epochs", self.epochs)
        if self.minibatches is not None:
            _check_count("minibatches", self.minibatches)

    def transformation(self) -> optax.GradientTransformation:
        """The optax optimiser; eta is part of its state, so that another eta compiles nothing."""
        return self.optimiser if self.optimiser is not None else _plain()


class _Carry(NamedTuple):
    params: Params
    optimiser: Any


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}.")


@functools.cache
def _plain() -> optax.GradientTransformation:
    import optax  # when it is used: see losses.py

    return optax.inject_hyperparams(optax.sgd)(learning_rate=0.0)


@functools.partial(jax.jit, static_argnames="optimiser")
def _start(optimiser: optax.GradientTransformation, params: Params, eta: Any) -> _Carry:
    state: Any = optimiser.init(params)
    if hasattr(state, "hyperparams"):
        state.hyperparams["learning_rate"] = eta
    return _Carry(params, state)


def _minibatch_objective(params: Params, problem: Problem, rows: Any, n: Any) -> Any:
    """J on some rows of the data: the mean over rows >= 0 (others are padding) of n w_i H_i, and the penalty."""
    data, fixed = problem.in_memory, lax.stop_gradient(params.b)
    X, w = data.X.take(rows), jnp.where(rows >= 0, data.weights[rows] * n, 0)
    params = Params(params.W, fixed + problem.intercept * (params.b - fixed))
    scale = None if data.T_scale is None else data.T_scale[rows]
    T = data.targets_of(data.T[..., rows], scale).T
    losses = sample_losses(net_input(params, X), T)
    return jnp.sum(w * losses) / jnp.sum(rows >= 0) + ridge(params.W, problem.l2)


@functools.partial(jax.jit, static_argnames="optimiser")
def epoch(
    optimiser: optax.GradientTransformation, problem: Problem, carry: _Carry, batches: Any, n: Any
) -> tuple[_Carry, Any]:
    """One update for each row of `batches` (updates, samples), indices into the data with -1 for padding.

    Args:
      optimiser: optax gradient transformation; each object is compiled for.
      problem: in device memory, in the training dtype.
      carry: parameters and state of the optimiser.
      batches: (updates, samples) int32.
      n: () floating, rows of the data that are not padding.

    Returns:
      The carry, and the cost of each update at the parameters before it (updates,), nats per sample.
    """

    def step(carry: _Carry, rows: Any) -> tuple[_Carry, Any]:
        params, state, cost = update(_minibatch_objective, optimiser, *carry, problem, rows, n)
        return _Carry(params, state), cost

    return lax.scan(step, carry, batches)


def shuffled(generator: np.random.Generator, n: int, samples: int) -> np.ndarray:
    """A random order of n rows, cut into updates (updates, samples); the last is filled up with -1.

    Args:
      generator: drawn from once.
      n: rows that are not padding.
      samples: per update, in 1..n.
    """
    updates = -(-n // samples)
    rows = np.full(updates * samples, -1, np.int32)
    rows[:n] = generator.permutation(n)
    return rows.reshape(updates, samples)


def descend(
    solver: SGD,
    data: Data,
    n: int,
    params: Params,
    *,
    tol: float,
    callback: Any,
    seed: int,
    session: Saving | None = None,
) -> Outcome:
    """Run all epochs; the certificate tells how far from the optimum they end.

    Args:
      solver: SGD.
      data: n rows and padding, in the training dtype and exactly.
      n: number of rows that are not padding.
      params: start.
      tol: certified gap in nats per sample from which the result counts as converged.
      callback: called after each epoch with `Progress`; a true result stops the fit.
      seed: of the order of rows.
      session: where the state is saved between epochs, and found.

    Returns:
      Outcome; its history is the cost per update. Status max_iter says that the epochs are done and the gap is above
      `tol`, diverging that the cost is higher than at the start or than that of equal probabilities.
    """
    generator, problem = np.random.default_rng(seed), data.training
    optimiser = solver.transformation()
    history: list[np.ndarray] = []
    status, n_epochs = "", 0
    kept = params
    with scope(problem.dtype):
        carry = _start(optimiser, params, problem.dtype.type(solver.eta))
        rows_in_data = problem.dtype.type(n)
        found = session.load() if session else None
        if found:
            carry, n_epochs, kept = _resumed(*found, carry, generator, solver.epochs)
            history = [found[0]["history"]]
    try:
        while n_epochs < solver.epochs and not status:
            batches = shuffled(generator, n, min(n, solver.minibatches or n))
            with scope(problem.dtype):
                carry, costs = epoch(optimiser, problem, carry, batches, rows_in_data)
                history.append(np.asarray(costs, np.float64))
                latest = Params(*(np.array(p) for p in carry.params))
            n_epochs += 1
            if not (np.isfinite(history[-1]).all() and all(np.isfinite(p).all() for p in latest)):
                status = "nonfinite"
                break
            kept = latest
            progress = Progress(n_epochs, float(history[-1][-1]), float("nan"), n_epochs)
            if callback is not None and callback(progress):
                status = "interrupted"
            if session:
                reached = status or ("max_iter" if n_epochs == solver.epochs else "")
                snapshot = functools.partial(_snapshot, carry, generator, n_epochs, history)
                if session.after(n_epochs, reached, snapshot) == "interrupted":
                    status = "interrupted"
    except KeyboardInterrupt:
        status = "interrupted"
    return _outcome(data, kept, status, tol, n_epochs, history)


def _snapshot(carry: _Carry, generator: np.random.Generator, n_epochs: int, history: list[np.ndarray]) -> Any:
    """All that the next epochs depend on, as tensors and texts."""
    host_state = {"n_epochs": n_epochs, "n_passes": n_epochs, "generator": generator.bit_generator.state}
    return {"history": np.concatenate(history), **to_tensors("carry", carry)}, {"host_state": json.dumps(host_state)}


def _resumed(
    tensors: dict[str, np.ndarray], texts: dict[str, str], carry: _Carry, generator: np.random.Generator, epochs: int
) -> tuple[_Carry, int, Params]:
    """The carry, the epochs done and the parameters of a snapshot; `generator` goes on from there."""
    host_state = json.loads(texts["host_state"])
    if host_state["n_epochs"] > epochs:
        raise CheckpointError(
            f"epochs must be at least the {host_state['n_epochs']} that the checkpoint has done, got {epochs}; "
            "give more, or another directory."
        )
    generator.bit_generator.state = host_state["generator"]
    carry, _ = from_tensors("carry", tensors, carry)
    return carry, host_state["n_epochs"], Params(*(np.array(p) for p in carry.params))


def _outcome(data: Data, params: Params, status: str, tol: float, epochs: int, history: list[np.ndarray]) -> Outcome:
    costs = np.concatenate([*history, np.zeros(0)])
    with scope(np.float64):
        # the parameters are returned as descent left them: certified at the refitted bias, plus what it would gain
        proof, J = certify(data.exact, params), float(objective_at(data.exact, params))
        gap = float(rounded(float(proof.gap), float(proof.objective), J))
    gap = gap if np.isfinite(gap) else np.inf
    k = params.b.shape[0]
    uniform = np.log(k) if k > 1 else np.inf
    if not status:
        worse = costs.size > 0 and max(costs[0], uniform) < J
        status = "diverging" if worse else "converged" if gap <= tol else "max_iter"
    return Outcome(params, J, gap, status, epochs, epochs, costs)
