"""few_shot_curve: how accuracy grows with the number of labelled rows a class, over seeds.

Of each class `shots` rows are trained on and min(shots, 4) others choose the strength, as in CoOp; the fit is on the
shots alone. The rows of fewer shots are among those of more. Columns are scaled by all training rows, whose labels
are not looked at: a deviation of a few rows would be chance.

References:
  Zhou, Yang, Loy, Liu, Learning to prompt for vision-language models, 2022; its code, datasets/*.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.display.html import grid
from softmax_jax.display.text_table import text_table
from softmax_jax.display.user_warnings import SpreadWarning
from softmax_jax.fitting.doors import door
from softmax_jax.inputs import checks
from softmax_jax.probing.linear import chosen_protocol, linear_probe
from softmax_jax.probing.preparation import prepared
from softmax_jax.probing.trials import Step, labels_of, matrices, quiet, seeds_of, split, warn_of_probes
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import on_host

SHOTS = (1, 2, 4, 8, 16)
MOST_HELD = 4  # validation rows a class


@with_documented_fields
class FewShotCurve(NamedTuple):
    """Test accuracies of F features, H numbers of shots and S seeds.

    Attributes:
      names: F, of the features.
      shots: H, rows a class.
      seeds: S.
      accuracy: (F, H, S) on the test rows; NaN where an interruption came first.
      l2: (F, H, S) strengths chosen.
      n_test: test rows of each seed.
      n_classes: k.
      stopped: whether there was an interruption.
      n_unconverged: probes of which some fit did not converge.
    """

    names: list[str]
    shots: list[int]
    seeds: list[int]
    accuracy: np.ndarray
    l2: np.ndarray
    n_test: int
    n_classes: int
    stopped: bool = False
    n_unconverged: int = 0

    @property
    def mean(self) -> np.ndarray:
        """(F, H) over the seeds that are done; NaN where none is."""
        return _over_seeds(self.accuracy, np.mean)

    @property
    def deviation(self) -> np.ndarray:
        """(F, H) standard deviation over the seeds; NaN with fewer than two."""
        return _over_seeds(self.accuracy, lambda values: np.std(values, ddof=1) if len(values) > 1 else np.nan)

    def rows(self) -> list[list[str]]:
        """The cells of the table, a row for each of the features."""
        cells = [
            [_cell(mean, deviation) for mean, deviation in zip(*pair, strict=True)]
            for pair in zip(self.mean, self.deviation, strict=True)
        ]
        return [[name, *row] for name, row in zip(self.names, cells, strict=True)]

    def heads(self) -> list[str]:
        """The names of its columns."""
        return ["", *(f"{shots} shot{'s' * (shots > 1)}" for shots in self.shots)]

    def plot(self, ax: Any = None) -> Any:
        """Draw accuracy against shots, the mean over seeds and a band of one deviation.

        Args:
          ax: where to draw; a new figure where not given.

        Returns:
          Axes.
        """
        from softmax_jax.plots.comparison import plot_few_shot

        return plot_few_shot(self.shots, self.accuracy, names=self.names, n_classes=self.n_classes, ax=ax)

    def __repr__(self) -> str:
        """One line, without the arrays."""
        last = ", ".join(f"{name}: {mean:.4f}" for name, mean in zip(self.names, self.mean[:, -1], strict=True))
        return f"FewShotCurve({last} at {self.shots[-1]} shots; shots={self.shots}, {len(self.seeds)} seeds)"

    def __str__(self) -> str:
        """The table."""
        under = f"test accuracy of {self.n_test} rows, mean ± standard deviation over {len(self.seeds)} seeds"
        return text_table(self.heads(), self.rows()) + "\n" + under

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return grid(self.heads(), self.rows(), title=f"test accuracy, mean ± deviation over {len(self.seeds)} seeds")


@on_host
@door
def few_shot_curve(
    features: Any,
    y: Any,
    X_test: Any = None,
    y_test: Any = None,
    *,
    shots: Sequence[int] = SHOTS,
    seeds: Any = 5,
    test: float = 0.2,
    preset: Any = "clip",
    l2_values: Any = None,
    standardise: bool = True,
    normalise: bool = False,
    checkpoint: Any = None,
    callback: Callable[[Step], Any] | None = None,
    **settings: Any,
) -> FewShotCurve:
    """Probe features with a few labelled rows a class, for several numbers of these and several draws.

    Args:
      features: name -> (n, m) features of the same n rows, or one matrix.
      y: (n,) labels.
      X_test: name -> (n_test, m) test features, or one matrix; None to take a part of the rows.
      y_test: (n_test,) their labels.
      shots: rows a class, different numbers >= 1.
      seeds: how many draws, or their seeds.
      test: the part of the rows for the test, in (0, 1), where there is no X_test.
      preset: as of `linear_probe`; the winner is not fitted again on validation rows.
      l2_values: as of `linear_probe`.
      standardise: whether columns are scaled, by all training rows.
      normalise: whether rows are scaled to unit length first.
      checkpoint: directory to keep every fit in; the same call goes on from there.
      callback: called after each probe; a true result ends it.
      **settings: further arguments of `linear_probe`.

    Returns:
      FewShotCurve; after Ctrl-C of the probes that are done.

    Raises:
      KeyboardInterrupt: Ctrl-C before the first probe was done.
      ValueError, TypeError: an argument is not as described, or a class has too few rows; the message names it.
    """
    labels, seeds, shots = labels_of(y, "y"), seeds_of(seeds), _checked(shots)
    for name in ("X_val", "y_val", "folds"):
        if settings.pop(name, None) is not None:
            raise TypeError(f"few_shot_curve draws validation rows of its own, got {name}.")
    if settings.pop("sparse", None) is not None:
        raise TypeError("few_shot_curve is of probes along l2, got sparse; choose the features first.")
    X = matrices(features, labels)
    if (X_test is None) != (y_test is None):
        raise ValueError("X_test and y_test must be given together, or neither.")
    truth = None if y_test is None else labels_of(y_test, "y_test")
    Z = None if truth is None else matrices(X_test, truth, "X_test")
    if Z is not None and set(Z) != set(X):
        raise ValueError(f"X_test must have the names of features, {sorted(X)}, got {sorted(Z)}.")
    protocol = chosen_protocol(preset, l2_values)._replace(refit_on_all=False)
    accuracy = np.full((len(X), len(shots), len(seeds)), np.nan)
    result = FewShotCurve(list(X), shots, seeds, accuracy, accuracy.copy(), 0, len(np.unique(labels)))
    how, done, short, stopped = {"normalise": normalise, "standardise": standardise}, 0, 0, False
    draws = [_drawn(labels, truth, test, seed, max(shots)) for seed in seeds]  # refuses before the work
    result = result._replace(n_test=len(draws[0].truth))
    try:
        for (s, draw), (f, name) in itertools.product(enumerate(draws), enumerate(X)):
            A = X[name][draw.pool]
            held = X[name][draw.test] if Z is None else Z[name]
            whole, _ = prepared(A, held, **how)
            for h, count in enumerate(shots):
                folder = None if checkpoint is None else Path(checkpoint) / f"{f}-seed-{seeds[s]}-shots-{count}"
                rows, val = draw.rows(count)
                at = draw.labels[rows], whole[val], draw.labels[val]
                with quiet(SpreadWarning):  # of a few rows it says nothing
                    probe = linear_probe(
                        whole[rows], *at, preset=protocol, standardise=False, checkpoint=folder, **settings
                    )
                if probe.stopped:
                    raise KeyboardInterrupt
                score = float((probe.predict(whole[len(draw.pool) :]) == draw.truth).mean())
                accuracy[f, h, s], result.l2[f, h, s] = score, probe.l2
                done, short = done + 1, short + (probe.status != "converged")
                told = Step(done, accuracy.size, name, seeds[s], count, probe.l2, probe.val_accuracy, score)
                if callback is not None and callback(told):
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        stopped = True
    if not done:
        raise KeyboardInterrupt
    warn_of_probes(short, done)
    return result._replace(stopped=stopped and done < accuracy.size, n_unconverged=short)


class _Draw(NamedTuple):
    """The rows of one seed: those that may be trained on, the test rows, and an order of the former by class."""

    pool: np.ndarray
    labels: np.ndarray  # of the pool
    test: np.ndarray
    truth: np.ndarray
    order: list[np.ndarray]  # of each class, places in the pool
    most: int

    def rows(self, shots: int) -> tuple[np.ndarray, np.ndarray]:
        """Places in the pool of the rows trained on, and of those that choose the strength."""
        held = min(shots, MOST_HELD)
        parts = [(order[:shots], order[self.most : self.most + held]) for order in self.order]
        train, val = (np.concatenate(part) for part in zip(*parts, strict=True))
        return train, val


def _drawn(y: np.ndarray, truth: np.ndarray | None, test: float, seed: int, most: int) -> _Draw:
    pool, held = split(y, test, seed) if truth is None else (np.arange(len(y)), np.arange(0))
    labels, rng = y[pool], np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    need = most + min(most, MOST_HELD)
    if counts.min() < need:
        label = classes[counts.argmin()].item()
        raise ValueError(
            f"shots={most} need {need} training rows of each class, {need - most} of them to choose the strength; "
            f"{label!r} has {counts.min()}."
        )
    order = [rng.permutation(np.flatnonzero(labels == label)) for label in classes]
    return _Draw(pool, labels, held, y[held] if truth is None else truth, order, most)


def _checked(shots: Any) -> list[int]:
    found = sorted(
        checks.number(each, "shots", low=1, integer=True) for each in np.atleast_1d(np.asarray(shots, object))
    )
    if not found or len(set(found)) < len(found):
        raise ValueError(f"shots must be different numbers of rows a class, got {shots!r}.")
    return found


def _over_seeds(values: np.ndarray, what: Callable[[np.ndarray], Any]) -> np.ndarray:
    found = np.full(values.shape[:2], np.nan)
    for place in np.ndindex(found.shape):
        done = values[place][np.isfinite(values[place])]
        found[place] = what(done) if len(done) else np.nan
    return found


def _cell(mean: float, deviation: float) -> str:
    if np.isnan(mean):
        return "not done"
    return f"{mean:.4f}" + ("" if np.isnan(deviation) else f" ± {deviation:.4f}")
