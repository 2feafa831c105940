"""export_predict: a model's probabilities as a program that runs with JAX alone, for any number of rows.

    artefact = jax.export.deserialize(bytearray(Path("model.jaxexport").read_bytes()))
    O = artefact.call(X)          # X (n, m), n >= 1, in the dtype of the model's parameters

The artefact is for deployment. It has no checksum and JAX promises to read it for some months only, so it is no
model file: see files.py for that.
"""

from __future__ import annotations

import importlib
from typing import Any

import jax
import numpy as np
from jax import export

from softmax_jax.dtypes import compute_dtype, scope
from softmax_jax.model import Params, net_input, softmax
from softmax_jax.model_files.kinds import KINDS, kind_of
from softmax_jax.model_files.parts import check_params
from softmax_jax.runtime.host import on_host
from softmax_jax.storage.atomic import AnyPath, write_atomically

PLATFORMS = ("cpu", "cuda", "tpu")


@on_host
def export_predict(model: Any, path: AnyPath) -> None:
    """Write the program X (n, m) -> O (n, k) of a fitted model to a file, atomically.

    n is symbolic: one artefact serves any n >= 1, on CPU, CUDA and TPU. X and O are float64 where the parameters
    are, else float32. A float64 artefact must be called within `jax.enable_x64(True)`: outside it JAX narrows X.

    Args:
      model: Params, FitResult, a fitted SoftmaxRegression or SoftmaxRegressionCV, or a fitted Pipeline of
        StandardScaler and SoftmaxRegression.
      path: str or os.PathLike; its directory must exist. No suffix is added.

    Raises:
      ImportError: flatbuffers is not installed.
      TypeError, ValueError: a model that `save` would refuse, another Pipeline, or Params with leading axes.
      OSError: the file cannot be written; what was there is unchanged.
    """
    try:
        importlib.import_module("flatbuffers")
    except ImportError as error:
        raise ImportError("export_predict needs flatbuffers: pip install 'softmax_jax[export]'.") from error
    kind = kind_of(model)
    if kind == "steps":
        raise TypeError(
            "model must be a Pipeline of StandardScaler and SoftmaxRegression, got other steps: export its last step, "
            "pipeline[-1], and apply the other steps before it."
        )
    _, arrays = KINDS[kind].describe(model)
    if kind == "pipeline" and not model[0].with_mean:
        arrays.pop("mean", None)  # known to the scaler, but not subtracted
    check_params(Params(arrays["W"], arrays["b"]), "model")
    if arrays["W"].ndim != 2:
        raise ValueError(f"model must have W of shape (m, k), got {arrays['W'].shape}.")
    write_atomically(path, _artefact(arrays).serialize())


def _artefact(arrays: dict[str, np.ndarray]) -> export.Exported:
    """The program for parameters W and b and the scaler's mean and scale, where there is one."""
    dtype = compute_dtype(arrays["W"], arrays["b"])
    # all in one dtype, the scaler's float64 numbers too: scikit-learn rounds them to the dtype of X likewise
    given = {name: array.astype(dtype) for name, array in arrays.items() if name in ("W", "b", "mean", "scale")}

    def probabilities(X: Any) -> Any:
        if "mean" in given:
            X = X - given["mean"][None, :]
        if "scale" in given:
            X = X / given["scale"][None, :]
        return softmax(net_input(Params(given["W"], given["b"]), X))

    with scope(dtype):
        (n,) = export.symbolic_shape("n")
        X = jax.ShapeDtypeStruct((n, len(given["W"])), dtype)
        return export.export(jax.jit(probabilities), platforms=PLATFORMS)(X)
