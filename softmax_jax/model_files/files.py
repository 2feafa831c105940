"""save and load: a model in one file, whose numbers come back bit for bit, or not at all.

A model file is a safetensors file (see container.py): W and b under these names, and texts in JSON for classes,
feature names, hyperparameters, fitted scalars and preprocessing. Its kind is one of

    params       Params(W, b)
    fit_result   FitResult
    estimator    a fitted SoftmaxRegression
    estimator_cv a fitted SoftmaxRegressionCV, with all that was found in the folds
    pipeline     a fitted Pipeline of StandardScaler and SoftmaxRegression
    steps        a fitted Pipeline of linear scalers, Normalizer and PCA, and one of these estimators

Loading runs nothing that a file contains.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from softmax_jax._version import __version__
from softmax_jax.model import Params
from softmax_jax.model_files.kinds import KINDS, Kind, kind_of, version_of
from softmax_jax.model_files.parts import Stored, check_params
from softmax_jax.runtime.host import in_numpy
from softmax_jax.storage.atomic import AnyPath
from softmax_jax.storage.container import ModelFileError, read, write

__all__ = ["ModelFileError", "load", "save"]

_INCONSISTENT = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@in_numpy
def save(model: Any, path: AnyPath) -> None:
    """Save a model to a file, atomically: a failed save leaves the file that was there.

    Args:
      model: Params, FitResult, a fitted SoftmaxRegression or SoftmaxRegressionCV, or a fitted Pipeline that ends in
        one of these after any of StandardScaler, MaxAbsScaler, MinMaxScaler, RobustScaler, Normalizer and PCA.
        scikit-learn's metadata requests (set_fit_request and the like) are not stored; labels that are members of a
        class(str, Enum) come back as the strings that they equal.
      path: str or os.PathLike; its directory must exist. No suffix is added.

    Raises:
      TypeError: a model of another kind, a subclass included.
      ValueError: an estimator that is not fitted (NotFittedError), parameters that are not finite, or a
        hyperparameter without a text form, such as a RandomState, a splitter or an optax optimiser.
      OSError: the file cannot be written; what was there is unchanged.
    """
    kind = kind_of(model)
    save_described(kind, KINDS[kind].describe(model), path)


def save_described(kind: str, stored: Stored, path: AnyPath) -> None:
    """Save what `kind` of model is restored from, as `save` does.

    Args:
      kind: a key of KINDS.
      stored: its texts and tensors.
      path: as for `save`.
    """
    write_described(kind, stored, path, version=version_of(kind, stored))


def write_described(kind: str, stored: Stored, path: AnyPath, *, version: int) -> None:
    """Write what a kind of model is restored from.

    Args:
      kind: its name.
      stored: its texts and tensors, W and b among them.
      path: as for `save`.
      version: of the format that a reader must know.
    """
    texts, tensors = stored
    check_params(Params(tensors["W"], tensors["b"]), "model")
    versions = {"softmax_jax": __version__, **{name: metadata.version(name) for name in ("jax", "numpy")}}
    texts = {name: json.dumps(text) for name, text in {"versions": versions, **texts}.items()}
    write(path, {"kind": kind, **texts}, tensors, version=version)


def load(path: AnyPath) -> Any:
    """The model that `save` wrote: of the same kind, every number bit for bit and in its dtype.

    Args:
      path: str or os.PathLike.

    Returns:
      Params, FitResult, SoftmaxRegression, SoftmaxRegressionCV or Pipeline, of NumPy arrays. A dtype among the
      hyperparameters, such as jnp.float32, comes back as the NumPy dtype.

    Raises:
      ModelFileError: the file is truncated, changed, empty, of another kind, inconsistent or of a newer format,
        or not a regular file; a ValueError that names the file, the defect and the remedy.
      FileNotFoundError, PermissionError: it is not there, or not to be read.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> from softmax_jax.model import Params
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> save(Params(np.eye(2), np.zeros(2)), path)
        >>> load(path).W.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return load_described(path, KINDS)


@in_numpy
def load_described(path: AnyPath, kinds: Mapping[str, Kind]) -> Any:
    """The model in a file, as `load`.

    Args:
      path: str or os.PathLike.
      kinds: those that it may be of, by name.

    Raises:
      ModelFileError: as of `load`.
    """
    texts, tensors = read(path)
    try:
        kind = texts.pop("kind")
        if kind not in kinds:
            raise ValueError(f"it is of kind {kind!r:.40}, one of {', '.join(kinds)} was expected")
        contents = {name: json.loads(text) for name, text in texts.items()}
        del contents["versions"]  # told to whoever reads the file, needed by nobody
        check_params(Params(tensors["W"], tensors["b"]), "its parameters")
        return kinds[kind].restore(Stored(contents, tensors))
    except _INCONSISTENT as error:
        words = f"its content is inconsistent ({type(error).__name__}: {error!s:.200})"
        raise ModelFileError(path, words) from error
