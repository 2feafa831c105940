"""ProbeResult: what a protocol found; it predicts, prints, draws, and is saved."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from softmax_jax.data.rows.opening import as_source, is_source
from softmax_jax.display.html import facts, grid
from softmax_jax.display.one_line import one_line
from softmax_jax.display.text_table import text_table
from softmax_jax.fitting.single import FitResult
from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import column_names, is_jax
from softmax_jax.inputs.pairing import order
from softmax_jax.model_selection.path import PathResult
from softmax_jax.model_selection.protocols import Protocol
from softmax_jax.model_selection.validation import paired_source
from softmax_jax.prediction import host_net_input, host_softmax
from softmax_jax.probing import words
from softmax_jax.probing.preparation import Preparation, prepared_rows
from softmax_jax.probing.uncertainty import standard_error, within
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import in_numpy


@with_documented_fields
class ProbeResult(NamedTuple):
    """What a protocol found.

    Attributes:
      protocol: the one carried out.
      path: the strengths tried on the training rows, as l2, strong to weak, scored on the validation rows; with folds
        gap and status are the worst of the folds', parameters their mean, scores those of all rows held out.
      strengths: (L,) the same in the protocol's own convention.
      best: index of the winner: highest validation accuracy, of equals the least validation loss.
      peaks: indices of the local maxima of validation accuracy that chance does not explain, the winner among them;
        more than one means that a peak search, which looks at a part of the curve, may have missed a higher one.
      result: the winner, fitted again on training and validation rows where the protocol says so; after an
        interruption as it was found on the training rows.
      l2: the winner's strength on the rows of `result`, as l2.
      n_fits: fits in all.
      preparation: what was done to the features, and is done to those that `predict` is given.
      n_val: validation rows; with folds all rows, each held out once.
      folds: how many; 0 for validation rows.
      train_loss: (L,) mean cross-entropy on the training rows, NaN where it was not measured.
      train_accuracy: (L,) share of the training rows predicted right.
      columns: names of the features, where they came in a frame.
      stopped: whether Ctrl-C or the callback ended it before the winner was fitted again: strengths not tried may be
        better.
      wall_s: of everything, compilation included; with a checkpoint, of the runs before, too.
      tol: bound that every fit was to prove, nats per sample.
      max_iter: most iterations of a fit.
      l1: the winner's strength on the rows of `result`, as l1; 0 where the probe is not of few features.
      sparse: most features that the winner may use; 0 where there is no such limit.
    """

    protocol: Protocol
    path: PathResult
    strengths: np.ndarray
    best: int
    peaks: list[int]
    result: FitResult
    l2: float
    n_fits: int
    preparation: Preparation = Preparation()
    n_val: int = 0
    folds: int = 0
    train_loss: Any = None
    train_accuracy: Any = None
    columns: tuple[Any, ...] = ()
    stopped: bool = False
    wall_s: float = float("nan")
    tol: float = 1e-6
    max_iter: int = 1000
    l1: float = 0.0
    sparse: int = 0

    @property
    def classes(self) -> np.ndarray:
        """(k,) labels."""
        return self.result.classes

    @property
    def status(self) -> str:
        """How the fits ended: "converged", "interrupted" after an interruption, else as the first other one."""
        ended = [*self.path.status, self.result.status]
        if self.stopped or self.result.status == "interrupted":
            return "interrupted"
        return next((word for word in ended if word not in ("converged", "dropped")), "converged")

    @property
    def val_accuracy(self) -> float:
        """Validation accuracy of the winner."""
        return float(self.path.val_accuracy[self.best])

    @property
    def standard_error(self) -> float:
        """Of the winner's validation accuracy, from the number of validation rows; NaN where that is not known."""
        return standard_error(self.val_accuracy, self.n_val)

    @property
    def n_within(self) -> int:
        """Strengths whose validation accuracy is within a standard error of the winner's, itself included."""
        return within(self.scores, self.best, np.nan_to_num(self.standard_error))

    @property
    def scores(self) -> np.ndarray:
        """(L,) validation accuracies of what may win; NaN of strengths given up, and of more features than `sparse`."""
        if not self.sparse:
            return self.path.val_accuracy
        return np.where(self.path.n_features <= self.sparse, self.path.val_accuracy, np.nan)

    @property
    def note(self) -> str:
        """What a reader should know before using the winner, in sentences; "" where there is nothing."""
        return " ".join(words.notes(self))

    @in_numpy
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, k) of the classes for rows X (n, m), prepared as the training rows were.

        Args:
          X: features as they were given for the fit, or a source of rows; columns of a frame or a Parquet file are
            paired by name where both have names.

        Raises:
          ValueError, TypeError: X is not such a matrix.
        """
        return host_softmax(self._net_input(X))

    @in_numpy
    def predict(self, X: Any) -> np.ndarray:
        """Labels (n,) of the most probable class of each row.

        Args:
          X: as for `predict_proba`.
        """
        return self.classes[self._net_input(X).argmax(axis=1)]

    @in_numpy
    def score(self, X: Any, y: Any) -> float:
        """Share of rows whose label is predicted.

        Args:
          X: as for `predict_proba`.
          y: (n,) labels.

        Raises:
          ValueError: X and y differ in length.
        """
        predicted, y = self.predict(X), checks.as_labels(y)
        if y.shape != predicted.shape:
            raise ValueError(f"y must hold a label for each of the {len(predicted)} rows of X, got shape {y.shape}.")
        return float((predicted == y).mean())

    def pipeline(self) -> Any:
        """The winner as a fitted scikit-learn Pipeline of Normalizer, StandardScaler and SoftmaxRegression."""
        from softmax_jax.probing.stored import as_estimator

        return as_estimator(self)

    def save(self, path: Any) -> None:
        """Save everything to one file, which `softmax_jax.load` and `ProbeResult.load` read.

        Args:
          path: str or os.PathLike; its directory must exist.

        Raises:
          OSError: the file cannot be written; what was there is unchanged.
        """
        from softmax_jax.model_files.files import write_described
        from softmax_jax.probing.stored import VERSION, describe_probe

        write_described("probe", describe_probe(self), path, version=VERSION)

    @classmethod
    def load(cls, path: Any) -> Self:
        """What `save` wrote.

        Args:
          path: str or os.PathLike.

        Raises:
          ModelFileError: the file is damaged, or holds something else.
        """
        from softmax_jax.model_files.files import ModelFileError, load_described
        from softmax_jax.probing.stored import kind_for

        found = load_described(path, {"probe": kind_for(cls)})
        if not isinstance(found, cls):
            raise ModelFileError(path, f"it holds a {type(found).__name__}, not a ProbeResult; use softmax_jax.load")
        return found

    def plot(self, ax: Any = None) -> Any:
        """Draw validation and training accuracy and loss against l2, with the standard error and the certificates.

        A probe of few features is drawn against l1: the weights of its features, and the validation accuracy below.

        Args:
          ax: where to draw the accuracy alone, or for few features, in a grid, all; a new figure where not given.

        Returns:
          Axes of the accuracy, or of the weights; `ax.figure` is the figure.
        """
        if self.sparse:
            return self._plot_features(ax)
        from softmax_jax.plots.probe import plot_probe

        path, trained = self.path, {"train_accuracy": self.train_accuracy, "train_loss": self.train_loss}
        numbers = (path.l2_values, path.val_accuracy, path.val_loss)
        return plot_probe(*numbers, best=self.best, n_val=self.n_val, duality_gap=path.duality_gap, ax=ax, **trained)

    def _plot_features(self, ax: Any) -> Any:
        from softmax_jax.plots.sparse_path import plot_sparse_path

        path, names = self.path, list(self.columns) or None
        shown = {"scores": path.val_accuracy, "best": self.best, "feature_names": names}
        return plot_sparse_path(path.strengths, path.params.W, **shown, ax=ax)

    def write_report(self, path: Any, X: Any = None, y: Any = None, *, name: str = "linear probe") -> Any:
        """Write one HTML page: the search, its picture and table, and how the winner does on rows kept apart.

        Args:
          path: the file to write; one that is there is replaced.
          X: (n, m) test features, or None for a page without a test.
          y: (n,) their labels.
          name: of the data, for the title.

        Returns:
          The path written.

        Raises:
          OSError: the file cannot be written; an older one is unchanged.
        """
        from softmax_jax.probing.page import write_page

        return write_page(self, path, None if X is None else (self.predict_proba(X), y), name)

    def __repr__(self) -> str:
        """One line, without the arrays."""
        strength, accuracy = self.strengths[self.best], self.val_accuracy
        more = {
            "protocol": self.protocol.name,
            "fits": str(self.n_fits),
            "best": f"{self.protocol.unit} {strength:.3g} (validation accuracy {accuracy:.4f})",
        }
        status, gaps = [*self.path.status, self.result.status], [*self.path.duality_gap, self.result.duality_gap]
        return one_line("ProbeResult", status, gaps, self.result.params, **more)

    def __str__(self) -> str:
        """The table that the command line prints: a row for each strength, then the winner."""
        of = words.facts(self)
        width = max(map(len, of))
        lines = [f"{name.ljust(width)}   {text}" for name, text in of.items()]
        return "\n".join([words.title(self), text_table(*words.table(self)), *lines])

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return facts(words.facts(self), title=words.title(self)) + grid(*words.table(self))

    def _net_input(self, X: Any) -> np.ndarray:
        if is_source(X):
            source = paired_source(as_source(X), self.columns, "X", len(self.result.params.W))
            return host_net_input(self.result.params, prepared_rows(source, self.preparation))
        array = checks.features(X, n_features=len(self.result.params.W), sparse=True)
        names = column_names(X)
        if self.columns and any(isinstance(name, str) for name in names):
            place = order(names, self.columns, "X", "the X of the fit")
            array = array if place is None else array[:, place]
        return host_net_input(self.result.params, self.preparation.apply(np.asarray(array) if is_jax(array) else array))
