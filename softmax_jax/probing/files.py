"""`save` and `load` for every kind of model, probes among them; see `model_files.files`."""

from __future__ import annotations

from typing import Any

from softmax_jax.model_files import files
from softmax_jax.model_files.kinds import KINDS
from softmax_jax.probing.result import ProbeResult
from softmax_jax.probing.stored import kind_for


def save(model: Any, path: Any) -> None:
    """Save a model to a file, atomically: a failed save leaves the file that was there.

    Args:
      model: Params, FitResult, a fitted SoftmaxRegression or SoftmaxRegressionCV, a fitted Pipeline that ends in one of
        these after any of StandardScaler, MaxAbsScaler, MinMaxScaler, RobustScaler, Normalizer and PCA, or a
        ProbeResult.
      path: str or os.PathLike; its directory must exist. No suffix is added.

    Raises:
      TypeError: a model of another kind, a subclass included.
      ValueError: an estimator that is not fitted (NotFittedError), parameters that are not finite, or a
        hyperparameter without a text form, such as a RandomState, a splitter or an optax optimiser.
      OSError: the file cannot be written; what was there is unchanged.
    """
    if isinstance(model, ProbeResult):
        model.save(path)
    else:
        files.save(model, path)


def load(path: Any) -> Any:
    """The model that `save` wrote: of the same kind, every number bit for bit and in its dtype.

    Args:
      path: str or os.PathLike.

    Returns:
      Params, FitResult, SoftmaxRegression, SoftmaxRegressionCV, Pipeline or ProbeResult, of NumPy arrays.

    Raises:
      ModelFileError: the file is truncated, changed, empty, of another kind, inconsistent or of a newer format,
        or not a regular file; a ValueError that names the file, the defect and the remedy.
      FileNotFoundError, PermissionError: it is not there, or not to be read.
    """
    return files.load_described(path, KINDS | {"probe": kind_for(ProbeResult)})
