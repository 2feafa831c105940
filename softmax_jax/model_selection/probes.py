"""linear_probe: a protocol carried out: tune the strength on validation rows, fit the winner again, all certified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from softmax_jax.display.one_line import one_line
from softmax_jax.fitting.single import FitResult, fit
from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.inputs.pairing import paired, table_names
from softmax_jax.model_selection import sparse_search
from softmax_jax.model_selection.choice import best_strength
from softmax_jax.model_selection.path import PathResult, fit_path
from softmax_jax.model_selection.protocols import PRESETS, Protocol
from softmax_jax.model_selection.sparse_search import of_few_features
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.protocol import Solver


class ProbeProgress(NamedTuple):
    """What is told after each fit of the search.

    Attributes:
      n_fits: done so far.
      most: that the search may take.
      strength: of the last one, in the protocol's own convention.
      l2: the same as l2.
      duality_gap: proven for it.
      val_accuracy: of it.
    """

    n_fits: int
    most: int
    strength: float
    l2: float
    duality_gap: float
    val_accuracy: float


class ProbeResult(NamedTuple):
    """What a protocol found.

    Attributes:
      protocol: the one carried out.
      path: the strengths tried on the training rows, as l2, strong to weak, scored on the validation rows.
      strengths: (L,) the same in the protocol's own convention.
      best: index of the winner: highest validation accuracy, of equals the strongest.
      peaks: indices of the local maxima of validation accuracy; more than one means that a peak search, which
        looks at a part of the curve, may have missed a higher one.
      result: the winner, fitted again on training and validation rows where the protocol says so.
      l2: the winner's strength on the rows of `result`, as l2.
      n_fits: fits in all.
      l1: the winner's strength on the rows of `result`, as l1, where the probe is of few features.
    """

    protocol: Protocol
    path: PathResult
    strengths: np.ndarray
    best: int
    peaks: list[int]
    result: FitResult
    l2: float
    n_fits: int
    l1: float = 0.0

    def __repr__(self) -> str:
        """One line, without the arrays."""
        strength, accuracy = self.strengths[self.best], self.path.val_accuracy[self.best]
        more = {
            "protocol": self.protocol.name,
            "fits": str(self.n_fits),
            "best": f"{strength:.3g} (validation accuracy {accuracy:.4f})",
        }
        status, gaps = [*self.path.status, self.result.status], [*self.path.duality_gap, self.result.duality_gap]
        return one_line("ProbeResult", status, gaps, self.result.params, **more)

    @property
    def note(self) -> str:
        """A sentence where the validation curve has more than one peak, else ""."""
        if len(self.peaks) < 2:
            return ""
        places = ", ".join(f"{self.strengths[i]:.3g}" for i in self.peaks)
        return f"The validation accuracy has {len(self.peaks)} peaks, at {places}: the best strength is uncertain."


@on_host
def linear_probe(
    X: Any,
    y: Any,
    X_val: Any = None,
    y_val: Any = None,
    *,
    preset: str | Protocol = "clip",
    tol: float = 1e-6,
    max_iter: int = 1000,
    solver: Solver | None = None,
    seed: int = 0,
    devices: Any = None,
    callback: Callable[[ProbeProgress], Any] | None = None,
    sparse: int | None = None,
) -> ProbeResult:
    """Tune the L2 strength of a linear probe by a published protocol, and fit the winner.

    Args:
      X: (n, m) frozen features.
      y: (n,) labels.
      X_val: (n_val, m) validation features; None to hold out a part of X, each class in proportion. Columns of frames
        are paired by name with those of X.
      y_val: (n_val,) labels, all of which occur in y.
      preset: "clip", "dinov2", "simclr", or a Protocol.
      tol: bound on J - J* to prove for every fit, nats per sample.
      max_iter: most iterations of a fit.
      solver: None, or an exact solver's record.
      seed: of the split, where there is no validation set.
      devices: as for `fit`.
      callback: called after each fit of the search.
      sparse: most features to use; in place of a preset l1 falls until more are used, by whole features.

    Returns:
      ProbeResult. With `sparse` its strengths are those of l1, and the last of them may use more features.

    Raises:
      KeyboardInterrupt: Ctrl-C during the search, of which half is no result. During the last fit it gives a result
        with status "interrupted".
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    protocol = _protocol(preset) if sparse is None else of_few_features(sparse)
    names, X = table_names(X), checks.features(X, sparse=True)
    y = checks.as_labels(y)
    if X_val is None and y_val is None:
        X, X_val, y, y_val = _split(X, y, protocol.val_fraction, seed)
    elif X_val is None or y_val is None:
        raise ValueError("X_val and y_val must be given together, or neither.")
    else:
        held_out = checks.features(X_val, name="X_val", n_features=X.shape[1], sparse=True)
        X_val, y_val = paired(held_out, X_val, names, "X_val"), checks.as_labels(y_val, "y_val")
    if is_sparse(X) != is_sparse(X_val):
        raise TypeError("X and X_val must both be sparse, or neither.")
    for name, labels in (("y", y), ("y_val", y_val)):
        if labels.ndim != 1:
            raise ValueError(f"{name} must hold labels for a probe, got soft targets of shape {labels.shape}.")
    settings = {"tol": tol, "max_iter": max_iter, "solver": solver, "devices": devices}
    if sparse is not None:
        return _of_few(protocol, int(sparse), (X, y, X_val, y_val), settings, callback)
    k = len(np.unique(y))
    search = _Search(protocol, protocol.l2(X.shape[0], k), (X, y, X_val, y_val), settings, callback)
    path, tried = search.run()
    best = path.best()
    everything = protocol.refit_on_all
    X_all, y_all = (_stacked(X, X_val), np.concatenate([y, y_val])) if everything else (X, y)
    l2 = float(protocol.l2(X_all.shape[0], k)[tried[best]])
    result = fit(X_all, y_all, l2=l2, init=path.at(best), **settings)
    return ProbeResult(protocol, path, protocol.strengths[tried], best, _peaks(path), result, l2, len(tried) + 1)


def _of_few(
    protocol: Protocol, most: int, data: tuple[Any, Any, Any, Any], settings: Any, callback: Any
) -> ProbeResult:
    """The probe of at most `most` features."""
    X, y, X_val, y_val = data

    def tell(i: int, path: PathResult) -> None:
        if callback is not None:
            found = (
                float(values[i]) for values in (path.strengths, path.l2_values, path.duality_gap, path.val_accuracy)
            )
            callback(ProbeProgress(i + 1, sparse_search.STRENGTHS, *found))

    path = sparse_search.path_to(most, data, settings, tell)
    best = sparse_search.best_of_few(path, most)
    everything = _stacked(X, X_val), np.concatenate([y, y_val])
    result, l1, fits = sparse_search.refit(*everything, path, best, most, settings)
    return ProbeResult(protocol, path, path.strengths, best, _peaks(path), result, 0.0, len(path.status) + fits, l1)


class _Search:
    """Strengths tried so far: all at once, or coarse ones and then halves of the interval around the peak."""

    def __init__(
        self, protocol: Protocol, l2: np.ndarray, data: tuple[Any, Any, Any, Any], settings: Any, callback: Any
    ) -> None:
        self.protocol, self.l2, self.data, self.settings = protocol, l2, data, settings
        self.callback, self.n_done, coarse = callback, 0, protocol.coarse
        self.most = len(coarse) + 2 * int(np.log2(coarse[1] - coarse[0])) if coarse else len(l2)
        self.found: dict[int, tuple[PathResult, int]] = {}

    def run(self) -> tuple[PathResult, np.ndarray]:
        """The strengths tried, strong to weak, and their indices in the protocol."""
        self._try(list(self.protocol.coarse) or list(range(len(self.l2))))
        step = self.protocol.coarse[1] - self.protocol.coarse[0] if self.protocol.coarse else 1
        while step > 1:
            step //= 2
            peak = self._peak()
            self._try([i for i in (peak - step, peak + step) if 0 <= i < len(self.l2) and i not in self.found])
        tried = np.array(sorted(self.found, key=lambda i: -self.l2[i]))
        return _joined([self.found[i] for i in tried]), tried

    def _try(self, indices: list[int]) -> None:
        if not indices:
            return
        X, y, X_val, y_val = self.data
        near = self.found.get(min(self.found, key=lambda i: abs(i - indices[0]))) if self.found else None
        init = None if near is None else near[0].at(near[1])
        rows = {"X_val": X_val, "y_val": y_val, "init": init}
        path = fit_path(
            X, y, self.l2[indices], callback=lambda i, found: self._tell(indices, i, found), **rows, **self.settings
        )
        if "interrupted" in path.status:
            raise KeyboardInterrupt  # which fit_path answers by what it has so far
        self.found.update({i: (path, position) for position, i in enumerate(indices)})

    def _tell(self, indices: list[int], i: int, path: PathResult) -> None:
        """What was found at the i-th of `indices`."""
        self.n_done += 1
        if self.callback is not None:
            told = (path.l2_values, path.duality_gap, path.val_accuracy)
            strength = float(self.protocol.strengths[indices[i]])
            self.callback(ProbeProgress(self.n_done, self.most, strength, *(float(values[i]) for values in told)))

    def _peak(self) -> int:
        """The index with the highest validation accuracy; of equals the strongest."""
        tried = list(self.found)
        return tried[best_strength(self.l2[tried], [path.val_accuracy[i] for path, i in self.found.values()])]


def _protocol(preset: str | Protocol) -> Protocol:
    if isinstance(preset, Protocol):
        return preset
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {list(PRESETS)} or a Protocol, got {preset!r}.")
    return PRESETS[preset]()


def _split(X: Any, y: np.ndarray, fraction: float, seed: int) -> tuple[Any, Any, Any, Any]:
    """Training and validation rows, each class in proportion."""
    if y.ndim != 1 or len(y) != X.shape[0]:
        raise ValueError(f"y must hold one label per row of X, got shape {y.shape} for {X.shape[0]} rows.")
    try:
        rows, held_out = train_test_split(np.arange(len(y)), test_size=fraction, stratify=y, random_state=seed)
    except ValueError as error:
        raise ValueError(f"X and y cannot be split for validation ({error}); pass X_val and y_val.") from error
    return X[rows], X[held_out], y[rows], y[held_out]


def _stacked(X: Any, X_val: Any) -> Any:
    """Training rows above validation rows, in a dtype that holds both."""
    if is_sparse(X):
        import scipy.sparse as sp

        return sp.vstack([X, X_val], format="csr")
    return np.concatenate([np.asarray(X), np.asarray(X_val)])


def _joined(entries: list[tuple[PathResult, int]]) -> PathResult:
    """One PathResult of single strengths of several."""
    first = entries[0][0]

    def field(name: str) -> np.ndarray:
        return np.array([getattr(path, name)[i] for path, i in entries])

    params = type(first.params)(
        *(np.stack([p[i] for p, i in ((path.params[j], i) for path, i in entries)]) for j in (0, 1))
    )
    words = {name: [getattr(path, name)[i] for path, i in entries] for name in ("status", "dropped")}
    numbers = ("l2_values", "objective", "duality_gap", "n_iter", "n_passes", "val_loss", "val_accuracy")
    return first._replace(params=params, **words, **{name: field(name) for name in numbers})


def _peaks(path: PathResult) -> list[int]:
    """Local maxima of validation accuracy over the strengths, plateaus counted once."""
    accuracy = path.val_accuracy
    starts = [0, *(np.flatnonzero(np.diff(accuracy) != 0) + 1).tolist()]
    levels = accuracy[starts]
    higher = [
        (i == 0 or levels[i] > levels[i - 1]) and (i == len(levels) - 1 or levels[i] > levels[i + 1])
        for i in range(len(levels))
    ]
    return [start for start, is_peak in zip(starts, higher, strict=True) if is_peak]
