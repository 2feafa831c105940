"""compare_probes: several features of the same rows, probed alike and tested on the same rows, over seeds."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.display.html import grid
from softmax_jax.display.text_table import text_table
from softmax_jax.fitting.doors import door
from softmax_jax.probing.linear import linear_probe
from softmax_jax.probing.paired import Difference, difference
from softmax_jax.probing.result import ProbeResult
from softmax_jax.probing.trials import Step, labels_of, matrices, quiet, seeds_of, split, warn_of_probes
from softmax_jax.probing.uncertainty import standard_error
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import on_host

_MOST_PAIRED = 5  # features beyond which each is compared with the best alone


@with_documented_fields
class ProbeComparison(NamedTuple):
    """What F features are worth to a linear probe, under S seeds.

    Attributes:
      names: F, of the features.
      seeds: S, of the splits.
      accuracy: (F, S) on the test rows; NaN where an interruption came first.
      right: (F, S, n) 1 where a row is predicted right, 0 where not, NaN where it was not tested.
      n_test: test rows of each seed.
      probes: F lists of S; None where an interruption came first.
      stopped: whether there was one.
    """

    names: list[str]
    seeds: list[int]
    accuracy: np.ndarray
    right: np.ndarray
    n_test: int
    probes: list[list[ProbeResult | None]]
    stopped: bool = False

    @property
    def mean_accuracy(self) -> np.ndarray:
        """(F,) over the seeds that are done; NaN where none is."""
        return np.array([row[np.isfinite(row)].mean() if np.isfinite(row).any() else np.nan for row in self.accuracy])

    @property
    def best(self) -> int:
        """Index of the features with the highest mean accuracy."""
        return int(np.nanargmax(self.mean_accuracy))

    @property
    def n_unconverged(self) -> int:
        """Probes of which some fit did not converge."""
        return sum(probe is not None and probe.status != "converged" for row in self.probes for probe in row)

    @property
    def errors(self) -> np.ndarray:
        """(F,) standard error of the mean accuracy, from the number of test rows."""
        return np.array([standard_error(accuracy, self.n_test) for accuracy in self.mean_accuracy])

    @property
    def differences(self) -> list[Difference]:
        """Of each pair, the better one first; of more than five features each with the best alone."""
        order = np.argsort(-np.nan_to_num(self.mean_accuracy, nan=-1.0), kind="stable")
        done = [i for i in order if np.isfinite(self.accuracy[i]).any()]
        pairs = itertools.combinations(done, 2) if len(done) <= _MOST_PAIRED else ((done[0], i) for i in done[1:])
        both = [(i, j) for i, j in pairs if np.isfinite(self.right[i] - self.right[j]).any()]
        return [difference((self.names[i], self.names[j]), self.right[i], self.right[j]) for i, j in both]

    def heads(self) -> list[str]:
        """The names of its columns; the strengths of probes of few features are those of l1."""
        sparse = any(probe is not None and probe.sparse for row in self.probes for probe in row)
        return ["", "features", "l1" if sparse else "l2", "validation", "test accuracy", ""]

    def rows(self) -> list[list[str]]:
        """The cells of the table, a row for each of the features."""
        found = []
        for i, name in enumerate(self.names):
            probes = [probe for probe in self.probes[i] if probe is not None]
            if not probes:
                found.append([name, "", "", "", "not done", ""])
                continue
            m, strength = len(probes[0].result.params.W), np.exp(np.mean([np.log(p.l1 or p.l2) for p in probes]))
            kept = [len(probe.result.support) for probe in probes if probe.sparse]
            validation = np.mean([probe.val_accuracy for probe in probes])
            cells = [
                name,
                f"{np.mean(kept):.3g} of {m}" if kept else str(m),
                f"{strength:.3g}",
                f"{validation:.4f}",
                f"{self.mean_accuracy[i]:.4f} ± {self.errors[i]:.4f}",
            ]
            done = self.accuracy[i][np.isfinite(self.accuracy[i])]
            over = f"{done.min():.4f} to {done.max():.4f} over {len(done)} seeds" if len(self.seeds) > 1 else ""
            found.append([*cells, over])
        return found

    def plot(self, ax: Any = None) -> Any:
        """Draw the test accuracies with their standard errors, and what each seed gave.

        Args:
          ax: where to draw; a new figure where not given.

        Returns:
          Axes.
        """
        from softmax_jax.plots.comparison import plot_comparison

        return plot_comparison(self.names, self.accuracy, self.errors, n_test=self.n_test, ax=ax)

    def __repr__(self) -> str:
        """One line, without the arrays."""
        scores = ", ".join(
            f"{name}: {accuracy:.4f}" for name, accuracy in zip(self.names, self.mean_accuracy, strict=True)
        )
        return f"ProbeComparison({scores}; {len(self.seeds)} seeds, {self.n_test} test rows)"

    def __str__(self) -> str:
        """The table, and the differences below it."""
        lines = [f"{d.first} - {d.second}: {d.words()}" for d in self.differences]
        under = f"± one standard error of {self.n_test} test rows; the same rows for all features"
        return "\n".join([text_table(self.heads(), self.rows()), under, *lines])

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        rows = [(f"{d.first} - {d.second}", d.words()) for d in self.differences]
        return grid(self.heads(), self.rows()) + (grid(("difference", "of test accuracy"), rows) if rows else "")


@on_host
@door
def compare_probes(
    features: Any,
    y: Any,
    X_test: Any = None,
    y_test: Any = None,
    *,
    test: float = 0.2,
    seeds: Any = 1,
    checkpoint: Any = None,
    callback: Callable[[Step], Any] | None = None,
    **settings: Any,
) -> ProbeComparison:
    """Probe several features of the same rows by one protocol, and test them on the same rows.

    Args:
      features: name -> (n, m) features of the same n rows, such as the layers of a network.
      y: (n,) labels.
      X_test: name -> (n_test, m) test features of the same names; None to take a part of the rows.
      y_test: (n_test,) their labels.
      test: that part, in (0, 1); each class in proportion, the same rows for all features.
      seeds: how many splits, 0, 1, ..., or the seeds themselves. They split test rows, and validation rows from others.
      checkpoint: directory to keep every fit in; the same call goes on from there.
      callback: called after each probe; a true result ends the comparison.
      **settings: further arguments of `linear_probe`.

    Returns:
      ProbeComparison; after Ctrl-C of the probes that are done.

    Raises:
      KeyboardInterrupt: Ctrl-C before the first probe was done.
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    labels, seeds = labels_of(y, "y"), seeds_of(seeds)
    X = matrices(features, labels)
    beside = None if X_test is None else _beside(X, X_test, y_test)
    truth = labels if beside is None else beside[1]
    n_test = len(truth) if beside is not None else len(split(labels, test, seeds[0])[1])
    accuracy = np.full((len(X), len(seeds)), np.nan)
    right = np.full((*accuracy.shape, len(truth)), np.nan)
    probes: list[list[ProbeResult | None]] = [[None] * len(seeds) for _ in X]
    result = ProbeComparison(list(X), seeds, accuracy, right, n_test, probes)
    most, done, stopped = accuracy.size, 0, False
    try:
        for (s, seed), (i, name) in itertools.product(enumerate(seeds), enumerate(X)):
            rows, held = (slice(None), slice(None)) if beside is not None else split(labels, test, seed)
            A, B = X[name], X[name] if beside is None else beside[0][name]
            folder = None if checkpoint is None else Path(checkpoint) / f"{i}-seed-{seed}"
            with quiet():
                probe = linear_probe(A[rows], labels[rows], seed=seed, checkpoint=folder, **settings)
            if stopped := probe.stopped:
                break
            hits = probe.predict(B[held]) == truth[held]
            right[i, s, held], accuracy[i, s], probes[i][s] = hits, hits.mean(), probe
            done += 1
            told = Step(done, most, name, seed, 0, probe.l2, probe.val_accuracy, float(accuracy[i, s]), probe.l1)
            if callback is not None and callback(told):
                stopped = True
                break
    except KeyboardInterrupt:
        stopped = True
    if not done:
        raise KeyboardInterrupt
    warn_of_probes(result.n_unconverged, done)
    return result._replace(stopped=stopped and done < most)


def _beside(X: dict[str, Any], X_test: Any, y_test: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Test features of the same names, and their labels."""
    if y_test is None:
        raise ValueError("X_test and y_test must be given together, got no y_test.")
    truth = labels_of(y_test, "y_test")
    found = matrices(X_test, truth, "X_test")
    if set(found) != set(X):
        raise ValueError(f"X_test must have the names of features, {sorted(X)}, got {sorted(found)}.")
    return found, truth
