"""export_predict: a model's probabilities as a program that runs with JAX alone, for any number of rows.

    artefact = jax.export.deserialize(bytearray(Path("model.jaxexport").read_bytes()))
    O = artefact.call(X)          # X (n, m), n >= 1, in the dtype of the model's parameters

The artefact is for deployment. It has no checksum and JAX promises to read it for some months only, so it is no
model file: see files.py for that.
"""

from __future__ import annotations

from typing import Any

import jax
from jax import export

from softmax_jax.dtypes import scope
from softmax_jax.model import Params, net_input, softmax
from softmax_jax.model_files.affine import Affine, affine_of, needed
from softmax_jax.runtime.host import on_host
from softmax_jax.storage.atomic import AnyPath, write_atomically

PLATFORMS = ("cpu", "cuda", "tpu")


@on_host
def export_predict(model: Any, path: AnyPath) -> None:
    """Write the program X (n, m) -> O (n, k) of a fitted model to a file, atomically.

    n is symbolic: one artefact serves any n >= 1, on CPU, CUDA and TPU. X and O are float64 where the parameters
    are, else float32. A float64 artefact must be called within `jax.enable_x64(True)`: outside it JAX narrows X.

    Args:
      model: Params, FitResult, a fitted SoftmaxRegression or SoftmaxRegressionCV, a fitted Pipeline of
        StandardScaler and one of these, or a ProbeResult; also as `load` returns them.
      path: str or os.PathLike; its directory must exist. No suffix is added.

    Raises:
      ImportError: flatbuffers is not installed.
      TypeError, ValueError: a model that `save` would refuse, another Pipeline, or Params with leading axes.
      OSError: the file cannot be written; what was there is unchanged.
    """
    needed("flatbuffers", "export_predict", "'softmax_jax[export]'")
    write_atomically(path, _artefact(affine_of(model)).serialize())


def _artefact(affine: Affine) -> export.Exported:
    """The program for parameters W and b and the scaler's mean and scale, where there is one."""
    dtype = affine.dtype
    # all in one dtype, the scaler's float64 numbers too: scikit-learn rounds them to the dtype of X likewise
    W, b, mean, scale = (None if array is None else array.astype(dtype) for array in affine[:4])

    def probabilities(X: Any) -> Any:
        if mean is not None:
            X = X - mean[None, :]
        if scale is not None:
            X = X / scale[None, :]
        return softmax(net_input(Params(W, b), X))

    with scope(dtype):
        (n,) = export.symbolic_shape("n")
        X = jax.ShapeDtypeStruct((n, len(affine.W)), dtype)
        return export.export(jax.jit(probabilities), platforms=PLATFORMS)(X)
