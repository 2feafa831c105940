"""A fit by several processes: each gives rows of its own, all return the same result.

    softmax_jax.distributed.fitting.initialise()                  # or jax.distributed.initialize, before anything else
    result = fit_distributed(X_of_this_process, y_of_this_process, l2=1e-4)

Each sum over rows ends in an all-reduce over all devices of all processes. Before the first, the processes agree on
sizes, dtype, classes and settings; what is wrong on one is raised on all. docs/distributed.md says how to start them,
and what happens when one dies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from softmax_jax._version import __version__
from softmax_jax.distributed.agreement import agree, gather, together
from softmax_jax.distributed.checkpoints import joint_session
from softmax_jax.distributed.row_hashes import joint_fingerprint
from softmax_jax.distributed.stopping import AgreedStop
from softmax_jax.dtypes import compute_dtype
from softmax_jax.fitting.arguments import iterations, strength, tolerance
from softmax_jax.fitting.doors import door
from softmax_jax.fitting.single import FitResult, run_solver
from softmax_jax.fitting.starts import class_mass, start_params, without_massless
from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import column_names
from softmax_jax.inputs.pairing import paired
from softmax_jax.placement.memory import free_bytes
from softmax_jax.placement.place import kind_of, place_shards
from softmax_jax.placement.platforms import tiles_on
from softmax_jax.placement.shards import Shards
from softmax_jax.problem.blocks import chosen_rows
from softmax_jax.problem.problem import padded_rows
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.protocol import Solver, is_record
from softmax_jax.solvers.selection import choose_solver, fallbacks
from softmax_jax.storage.resuming import checked_interval, session_settings

_SHOWN = 8  # names of columns in a message


class _Rows(NamedTuple):
    """What this process has: checked features, labels or soft targets, weights of any scale, and their largest."""

    X: np.ndarray
    y: np.ndarray
    classes: np.ndarray  # that occur here, or the columns of soft targets
    weight: np.ndarray
    heaviest: float


class _Settings(NamedTuple):
    l2: float
    tol: float
    max_iter: int
    every: float | None


@on_host
def initialise(
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    heartbeat_timeout_s: int = 30,
    initialisation_timeout_s: int = 120,
    shutdown_timeout_s: int = 60,
    bind: str | None = None,
) -> None:
    """Join the other processes; to be called before JAX computes anything.

    It is `jax.distributed.initialize` with three changes. A process that dies is noticed sooner. The coordinator
    listens at its own address alone; JAX's default is every network interface, and whoever reaches the port can take
    part. JAX's preemption service, which swallows SIGTERM, is off: the signal ends a process as usual, and inside
    `fit_distributed` stops all processes at the same chunk.

    Args:
      coordinator: "host:port" of process 0; None, like the next two, where JAX finds it itself (SLURM, TPU, Open MPI).
      num_processes: how many there are.
      process_id: 0 to num_processes - 1.
      heartbeat_timeout_s: after which a silent process counts as dead; JAX then aborts the others.
      initialisation_timeout_s: to wait for the others at the start; JAX then aborts.
      shutdown_timeout_s: to wait for the others at the end.
      bind: "host:port" at which the coordinator listens; by default `coordinator`.

    Raises:
      RuntimeError: JAX has computed something already, or has been initialised.
    """
    jax.config.update("jax_enable_preemption_service", False)
    jax.distributed.initialize(
        coordinator,
        num_processes,
        process_id,
        heartbeat_timeout_seconds=heartbeat_timeout_s,
        initialization_timeout=initialisation_timeout_s,
        shutdown_timeout_seconds=shutdown_timeout_s,
        coordinator_bind_address=bind or coordinator,
    )


@on_host
@door
def fit_distributed(
    X: Any,
    y: Any,
    *,
    l2: float = 1e-4,
    solver: Solver | str | None = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    sample_weight: Any = None,
    init: Any = None,
    fit_intercept: bool = True,
    callback: Callable[[Any], Any] | None = None,
    seed: int = 0,
    checkpoint: Any = None,
    every: Any = None,
    stall_timeout_s: float | None = None,
) -> FitResult:
    """`fit` on the rows of all processes together; every process has to call it, and gets the same result.

    The devices are all devices of all processes. With one process it is `fit` on all its devices. SIGTERM or Ctrl-C
    on one process, and a callback's true result, stop all at the same chunk with status "interrupted".

    Args:
      X: (n_p, m) dense features of this process, as in `fit`; n_p >= 1 may differ, m and dtype may not.
      y: (n_p,) labels, of which the classes are those of all processes together, or soft targets (n_p, k).
      l2: as in `fit`.
      solver: an exact solver's record or name, or None.
      tol: as in `fit`.
      max_iter: as in `fit`.
      sample_weight: (n_p,) >= 0, on one scale for all processes, not all zero on one of them.
      init: as in `fit`, the same on every process.
      fit_intercept: as in `fit`.
      callback: as in `fit`.
      seed: as in `fit`.
      checkpoint: as in `fit`, a directory that process 0 can write to; given on all processes or on none. Any number of
        processes can resume the fit, with the rows divided in any way and in any order; the result is then equal to
        rounding, because logits are computed anew. SIGTERM, Ctrl-C and a callback's true result save the state first.
      every: as in `fit`, by the clock of process 0.
      stall_timeout_s: seconds without a finished chunk (and its checkpoint) after which this process ends (exit code
        70), because another one lives but does not take part, which JAX does not notice; None to wait.

    Raises:
      ValueError: the same on every process: they disagree, or one of them has bad input; the message names it.
      CheckpointError: a ValueError, on every process: `checkpoint` is of another fit, damaged, in use or not writable.
      JaxRuntimeError: memory ran out; blocks are not made smaller by themselves here.
      RuntimeError: the callback failed on another process; on that one its own error is raised.
    """
    with AgreedStop(callback, stall_timeout_s) as stop:
        rows, settings, start = together(
            lambda: (
                _rows(X, y, sample_weight, solver),
                _settings(l2, tol, max_iter, checked_interval(checkpoint, every)),
                _fingerprint(init),
            )
        )
        agree(
            solver=repr(solver),
            settings=f"{settings}, {fit_intercept=}, {seed=}",
            init=start,
            checkpoint="no checkpoint" if checkpoint is None else "a directory",
            sample_weight="no weights" if sample_weight is None else "weights",
            column_names=_named(X) or "none",
            **_shared_traits(rows),
        )
        T, classes = (rows.y, rows.classes) if rows.y.ndim == 2 else _encoded(rows)
        counts, s = _shares(rows)
        n, m, kind = sum(counts), rows.X.shape[1], kind_of(rows.X)
        chosen = choose_solver(solver, kind, len(classes), settings.l2, n=n)
        others = fallbacks(chosen, kind, len(classes)) if solver is None else ()
        block = _block(rows.X, len(classes))
        data = place_shards(_shards(counts), rows.X, T, s, settings.l2, bool(fit_intercept), chosen, block)
        params = start_params(init, chosen, m, len(classes), np.dtype(data.training.dtype), seed)
        if fit_intercept:
            mass = np.sum(gather(class_mass(T, s, len(classes)).tolist()), axis=0)
            params = without_massless(params, mass)
        given = {"l2": settings.l2, "tol": settings.tol, "fit_intercept": bool(fit_intercept), "seed": seed}
        given["fallbacks"] = repr(others)

        def identity() -> tuple[dict[str, Any], dict[str, Any]]:
            fingerprint = joint_fingerprint(rows.X, T, sample_weight, classes)
            return fingerprint, session_settings(chosen, {**given, "start": params})

        with joint_session(checkpoint, settings.every, stop, identity) as session:
            outcome = run_solver(chosen, data, n, params, settings.tol, settings.max_iter, stop, seed, session, others)
    return FitResult(outcome.params, classes, *outcome[1:], l2=settings.l2)


@on_host
def read_shards(paths: Sequence[Any], read: Callable[[Any], tuple[Any, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """The rows of this process from files shared among all: of P processes, process i reads every P-th from its own.

    Args:
      paths: of all files, in the same order everywhere.
      read: from a path to X (n, m) and y (n,); columns of frames are paired by name.

    Raises:
      ValueError: on every process, if one of them cannot read a file or there are fewer files than processes.
    """
    agree(files=[str(path) for path in paths])

    def own() -> tuple[np.ndarray, np.ndarray, str]:
        mine = paths[jax.process_index() :: jax.process_count()]
        if not mine:
            raise ValueError(f"{len(paths)} files are too few for {jax.process_count()} processes; give one each.")
        parts = [read(path) for path in mine]
        names = column_names(parts[0][0])
        X = [
            paired(np.asarray(part), part, names, str(path), str(mine[0]))
            for path, (part, _) in zip(mine, parts, strict=True)
        ]
        labels = [y for _, y in parts]
        if len({np.asarray(part).dtype.kind in "US" for part in labels}) > 1:
            raise ValueError(f"labels are text in some of {', '.join(map(str, mine))}, and numbers in others.")
        return np.concatenate(X), np.concatenate(labels), _named(parts[0][0])

    X, y, names = together(own)
    agree(column_names=names or "none")
    return X, y


def _rows(X: Any, y: Any, sample_weight: Any, solver: Any) -> _Rows:
    """The rows of this process, alone."""
    if is_record(solver) and not solver.is_exact:
        raise ValueError("Gradient descent (SGD) runs on one device; give an exact solver to fit_distributed.")
    X = np.asarray(checks.features(X))
    n = X.shape[0]
    labels = checks.as_labels(y)
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels, classes = checks.targets(y, n, divided=False)
    elif labels.shape != (n,):
        raise ValueError(f"y must have one label per row of X, got shape {labels.shape} for {n} rows.")
    else:
        labels = checks.check_labels(labels)
        classes = np.unique(labels)
    weight = checks.weights(sample_weight, n)
    heaviest = 1.0 if weight is None else float(np.max(np.asarray(sample_weight, np.float64)))
    return _Rows(X, labels, classes, np.ones(n) if weight is None else weight, heaviest)


def _settings(l2: Any, tol: Any, max_iter: Any, every: float | None) -> _Settings:
    return _Settings(strength(l2), tolerance(tol), iterations(max_iter), every)


def _shared_traits(rows: _Rows) -> dict[str, Any]:
    """What must be alike on all processes."""
    kinds = {"b": "truth values", "i": "numbers", "u": "numbers", "f": "numbers"}
    labels = kinds.get(rows.classes.dtype.kind, "strings")
    return {
        "versions": f"{__version__} and jax {jax.__version__}",
        "device_kind": jax.local_devices()[0].device_kind,
        "number_of_features": rows.X.shape[1],
        "dtype_of_X": rows.X.dtype.name,
        "kind_of_targets": f"{len(rows.classes)} soft targets" if rows.y.ndim == 2 else labels,
    }


def _named(X: Any) -> str:
    """What the columns of X are called, in a few words that differ where a name or the order does."""
    names = [str(name) for name in column_names(X)]
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()[:12]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more ({digest})" if len(names) > _SHOWN else "")


def _fingerprint(init: Any) -> str:
    """`init` in a few characters."""
    if init is None or isinstance(init, str):
        return repr(init)
    arrays = [np.ascontiguousarray(np.asarray(p)) for p in init]
    return "parameters " + hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()[:12]


def _encoded(rows: _Rows) -> tuple[np.ndarray, np.ndarray]:
    """Class indices, and the classes of all processes together."""
    theirs = gather([rows.classes.dtype.str, rows.classes.tolist()])
    dtypes = {np.dtype(dtype) for dtype, _ in theirs}
    dtype = dtypes.pop() if len(dtypes) == 1 else np.result_type(*dtypes)
    union = np.unique(np.concatenate([np.array(classes, dtype) for _, classes in theirs]))
    if len(union) < 2:
        raise ValueError(f"y must hold at least 2 classes, got 1 class on all processes together: {union[0]!r}.")
    return together(lambda: checks.targets(rows.y, len(rows.y), classes=union))


def _shares(rows: _Rows) -> tuple[list[int], np.ndarray]:
    """Rows of each process, and the weights of this one, which sum to one over all."""
    heaviest = max(gather(rows.heaviest))
    weight = rows.weight * (rows.heaviest / heaviest)
    theirs = gather([len(weight), float(weight.sum())])
    return [n for n, _ in theirs], weight / sum(total for _, total in theirs)


def _block(X: np.ndarray, k: int) -> int | None:
    """Rows of a block where some process has not the memory to store all logits: the least that one of them needs."""
    local = jax.local_devices()
    memories = 1 if local[0].platform == "cpu" else len(local)
    free, itemsize = free_bytes(local[0]), compute_dtype(X).itemsize
    chosen = gather(chosen_rows(tiles_on(local[0]), -(-len(X) // memories), k, itemsize, free))
    return min((rows for rows in chosen if rows is not None), default=None)


def _shards(counts: list[int]) -> Shards:
    """Each process's rows shared evenly over its own devices, all devices with room for the same number."""
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    owners = [device.process_index for device in devices]
    of_devices: list[int] = []
    for process, n in enumerate(counts):
        parts = owners.count(process)
        of_devices += [n // parts + (i < n % parts) for i in range(parts)]
    mesh = Mesh(np.array(devices), ("rows",))
    return Shards(padded_rows(max(of_devices)), tuple(of_devices), owners.index(jax.process_index()), mesh)
