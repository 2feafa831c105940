"""linear_probe: a protocol carried out: tune the strength on rows held out, fit the winner again, all certified."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from softmax_jax.data.rows.source import RowSource
from softmax_jax.fitting.arguments import iterations, tolerance
from softmax_jax.fitting.doors import door
from softmax_jax.fitting.spread import surveyed
from softmax_jax.fitting.warned import warn_of_fits
from softmax_jax.inputs import checks
from softmax_jax.model_selection.path import PathResult
from softmax_jax.model_selection.protocols import PRESETS, Protocol, grid
from softmax_jax.model_selection.pruning import RULES
from softmax_jax.model_selection.validation import scores_of_many
from softmax_jax.placement.place import stored_rows
from softmax_jax.probing.along_l2 import along_l2
from softmax_jax.probing.few_features import check_few, few_features
from softmax_jax.probing.folds import Folds
from softmax_jax.probing.result import ProbeResult
from softmax_jax.probing.rows import Rows, rows_of
from softmax_jax.probing.search import HeldOut, ProbeProgress, Trials
from softmax_jax.probing.streamed_rows import streamed_rows_of
from softmax_jax.probing.uncertainty import peaks
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.protocol import Solver
from softmax_jax.storage.before import search_before


@on_host
@door
def linear_probe(
    X: Any,
    y: Any,
    X_val: Any = None,
    y_val: Any = None,
    *,
    preset: str | Protocol = "clip",
    l2_values: Any = None,
    folds: int | None = None,
    standardise: bool = True,
    normalise: bool = False,
    tol: float = 1e-6,
    max_iter: int = 1000,
    solver: Solver | str | None = None,
    prune: str | None = None,
    retire: str | None = None,
    checkpoint: Any = None,
    seed: int = 0,
    devices: Any = None,
    callback: Callable[[ProbeProgress], Any] | None = None,
    sparse: int | None = None,
) -> ProbeResult:
    """Tune the L2 strength of a linear probe by a published protocol, and fit the winner.

    Columns are scaled to mean 0 and variance 1, as on the command line: with columns of different spread no one
    strength suits all of them. The presets' sources take features as they are; `standardise=False` follows them.

    Args:
      X: (n, m) frozen features; a SciPy sparse matrix stays sparse, a JAX array is copied to the host. A source of rows
        (`open_rows`) is read by blocks, once a pass, and scaled and split on the way: nothing of it is copied.
      y: (n,) labels.
      X_val: (n_val, m) validation features, or a source of rows; None to hold out a part of X, each class in
        proportion. Columns of frames are paired by name with those of X.
      y_val: (n_val,) labels, all of which occur in y.
      preset: "clip", "dinov2", "simclr", or a Protocol.
      l2_values: strengths to try, in place of the preset's: all of them, as l2.
      folds: K to score strengths on K stratified folds of X in place of validation rows.
      standardise: whether columns are scaled by mean and deviation of the rows trained on (with folds: all of X).
      normalise: whether rows are scaled to unit length, before that.
      tol: bound on J - J* to prove for every fit, nats per sample.
      max_iter: most iterations of a fit.
      solver: None, or an exact solver's record or name.
      prune: None, "proof" or "validation": strengths that cannot win are given up, as by `fit_path`.
      retire: the former name of `prune`.
      checkpoint: directory to keep every fit in; the same call goes on from there.
      seed: of the split, or of the folds, where there is no validation set.
      devices: as for `fit`.
      callback: called after each fit of the search; a true result ends it.
      sparse: most features to use. In place of a preset's strengths l1 falls until more are used, by whole features;
        the best strength before is fitted again.

    Returns:
      ProbeResult. With `sparse` its strengths are those of l1, and the last of them may use more features. After
      Ctrl-C, or where the callback ended the search, it holds the strengths that are done and the best of them as it
      was found on the training rows; its status is "interrupted". Fits that did not converge, and columns left as they
      are that differ in spread by more than 1e3, are warned of.

    Raises:
      KeyboardInterrupt: Ctrl-C before the first strength was done.
      ValueError, TypeError: an argument is not as described; the message names it.
      CheckpointError: the checkpoint is of other data or settings, or damaged.
    """
    start, before = time.perf_counter(), search_before(checkpoint)
    of_l2 = {"l2_values": l2_values, "folds": folds, "prune": prune, "retire": retire}
    most = 0 if sparse is None else check_few(sparse, of_l2)
    protocol, rule = chosen_protocol(preset, l2_values), _rule(prune, retire, folds)
    settings = {"tol": tolerance(tol), "max_iter": iterations(max_iter, least=1), "solver": solver, "devices": devices}
    if folds is not None:
        folds = checks.number(folds, "folds", low=2, integer=True)
        if X_val is not None or y_val is not None:
            raise ValueError("folds stand in place of validation rows: pass folds, or X_val and y_val, not both.")
    how: Any = {"held_out": 0.0 if folds else protocol.val_fraction, "seed": seed}
    how |= {"standardise": standardise, "normalise": normalise}
    source, source_val = (stored_rows(each, devices) for each in (X, X_val))
    if source is not None or source_val is not None:
        rows = streamed_rows_of(source, source_val, (X, y), (X_val, y_val), **how)
    else:
        rows = rows_of(X, y, X_val, y_val, **how)
    seen = surveyed(rows.train.X) if isinstance(rows.train.X, RowSource) and not standardise else None
    if most:
        found = few_features(most, rows, settings, callback, checkpoint)
    else:
        trials: Trials = (
            Folds(rows.train, folds, seed, **settings)
            if folds
            else HeldOut(rows.train, rows.X_val, rows.y_val, prune=rule, **settings)
        )
        found = along_l2(protocol, rows, trials, settings, callback, checkpoint)
    path, result = found.path, found.result
    status, limits = [*path.status, result.status], {name: settings[name] for name in ("tol", "max_iter")}
    warn_of_fits(status, rows.train.X, **limits, rows=seen)
    n_val = rows.train.X.shape[0] if folds else rows.X_val.shape[0]
    loss, accuracy = _on_training_rows(path, rows, bool(folds))
    probe = ProbeResult(
        **found._asdict(),
        peaks=[],
        preparation=rows.preparation,
        n_val=n_val,
        folds=folds or 0,
        train_loss=loss,
        train_accuracy=accuracy,
        columns=rows.columns,
        wall_s=time.perf_counter() - start + (before.wall_s if before else 0.0),
        tol=settings["tol"],
        max_iter=settings["max_iter"],
        sparse=most,
    )
    return probe._replace(peaks=peaks(probe.scores, probe.best, probe.standard_error))


def chosen_protocol(preset: str | Protocol, l2_values: Any) -> Protocol:
    """The protocol that a name stands for, or of strengths in its place.

    Args:
      preset: its name, or a Protocol.
      l2_values: strengths, or None.

    Raises:
      ValueError: an unknown name, or strengths that are not above 0.
    """
    if l2_values is not None:
        return grid(l2_values)
    if isinstance(preset, Protocol):
        return preset
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {list(PRESETS)} or a Protocol, got {preset!r}.")
    return PRESETS[preset]()


def _rule(prune: str | None, retire: str | None, folds: int | None) -> str | None:
    """The rule of `fit_path`, by whichever of its names."""
    if prune is not None and retire not in (None, prune):
        raise ValueError(f"prune and retire, its former name, must not differ, got {prune!r} and {retire!r}.")
    rule = retire if prune is None else prune
    if rule not in RULES:
        raise ValueError(f"prune must be one of {RULES}, got {rule!r}.")
    if rule and folds:
        raise ValueError(f"prune={rule!r} needs validation rows, and is not for folds.")
    return rule


def _on_training_rows(path: PathResult, rows: Rows, of_folds: bool) -> tuple[np.ndarray, np.ndarray]:
    """Loss and accuracy (L,) on the training rows; NaN where a strength was given up, or Ctrl-C ends this."""
    found = np.full((len(path.l2_values), 2), np.nan)
    solved = [i for i in range(len(found)) if not of_folds and np.isfinite(path.params.b[i]).all()]
    with contextlib.suppress(KeyboardInterrupt):  # only the picture wants them
        if solved:
            found[solved] = scores_of_many([path.at(i) for i in solved], rows.train.X, rows.train.T)
    return found[:, 0], found[:, 1]
