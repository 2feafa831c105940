"""A fitted model as torch's nn.Linear, with the standardisation of its features folded in.

    layer = export_torch(model)
    labels = model.classes_[layer(X).argmax(dim=1).numpy()]     # or layer(X).softmax(dim=1) for probabilities

torch keeps weights transposed: `layer.weight` is W'^T (k, m), a row for each class, in the order of `classes_`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.model_files.affine import affine_of, floating, needed
from softmax_jax.runtime.host import in_numpy
from softmax_jax.storage.atomic import AnyPath, write_atomically


@in_numpy
def export_torch(model: Any, *, dtype: Any = None) -> Any:
    """A torch.nn.Linear (m, k) that gives the net input Z of a fitted model for features as they are.

    Its outputs are the classes in the order of `classes_` (of FitResult and ProbeResult, `classes`), also where there
    are two; `Z.softmax(dim=1)` are the probabilities. It is trainable, on the CPU, and draws no random numbers.

    Args:
      model: Params, FitResult, a fitted SoftmaxRegression or SoftmaxRegressionCV, a fitted Pipeline of
        StandardScaler and one of these, or a ProbeResult; also as `load` returns them.
      dtype: float32 or float64, of NumPy, torch or by name; by default float64 where the parameters are, else float32.

    Returns:
      torch.nn.Linear with weight W'^T (k, m) and bias b' (k,): W / scale and b - mean / scale W, where features are
      standardised; the fold is computed in float64.

    Raises:
      ImportError: torch is not installed.
      TypeError, ValueError: a model that `save` would refuse, another Pipeline, Params with leading axes, another
        dtype, or parameters beyond its range.

    Warns:
      UserWarning: in this dtype the products lose too many digits, because means are large beside deviations.
    """
    torch = needed("torch", "export_torch", "torch")
    arrays = _state(model, dtype)
    k, m = arrays["weight"].shape
    layer = torch.nn.utils.skip_init(torch.nn.Linear, m, k, dtype=getattr(torch, arrays["weight"].dtype.name))
    layer.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return layer


@in_numpy
def export_state_dict(model: Any, path: AnyPath, *, dtype: Any = None) -> None:
    """Write the state dict of `export_torch` to a safetensors file, atomically; torch is not needed.

        layer = torch.nn.Linear(m, k)
        layer.load_state_dict(safetensors.torch.load_file(path))

    The file's metadata hold `classes` and, where the model has them, `feature_names` in JSON.

    Args:
      model: as for `export_torch`.
      path: str or os.PathLike; its directory must exist. No suffix is added.
      dtype: as for `export_torch`.

    Raises:
      TypeError, ValueError: as for `export_torch`.
      OSError: the file cannot be written; what was there is unchanged.
    """
    import safetensors.numpy

    texts = {"format": "pt", **affine_of(model).texts}
    write_atomically(path, safetensors.numpy.save(_state(model, dtype), texts))


def _state(model: Any, dtype: Any) -> dict[str, np.ndarray]:
    """Weight (k, m) and bias (k,)."""
    affine = affine_of(model)
    W, b = affine.folded(floating(dtype, affine.dtype))
    return {"weight": np.ascontiguousarray(W.T), "bias": b}
