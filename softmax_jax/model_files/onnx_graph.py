"""A fitted model as an ONNX graph: [Sub,] MatMul, Add, Softmax.

    probabilities = Softmax(Add(MatMul(Sub(X, mean), W / scale), b))      X (n, m), n of any size

The mean is subtracted before the product, and not folded into b: in float32 the two would nearly cancel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax._version import __version__
from softmax_jax.model_files.affine import Affine, affine_of, floating, needed, rounded
from softmax_jax.runtime.host import in_numpy
from softmax_jax.storage.atomic import AnyPath, write_atomically

OPSET, IR_VERSION = 13, 8  # read by every runtime since 2022
LARGEST = (1 << 31) - (1 << 20)  # bytes of parameters: protobuf holds no more than 2 GiB


@in_numpy
def export_onnx(model: Any, path: AnyPath, *, dtype: Any = None) -> None:
    """Write a fitted model as an ONNX file, atomically: X (n, m) in, probabilities (n, k) out.

    Column j of the output is the class `classes_[j]`. Its metadata_props hold `classes` and, where the model has them,
    `feature_names` in JSON, and the version of softmax_jax.

    Args:
      model: Params, FitResult, a fitted SoftmaxRegression or SoftmaxRegressionCV, a fitted Pipeline of
        StandardScaler and one of these, or a ProbeResult; also as `load` returns them.
      path: str or os.PathLike; its directory must exist. No suffix is added.
      dtype: of X, parameters and probabilities, float32 or float64; by default float64 where the parameters are, else
        float32.

    Raises:
      ImportError: onnx is not installed.
      TypeError, ValueError: a model that `save` would refuse, another Pipeline, Params with leading axes, another
        dtype, parameters beyond its range, or more of them than the format holds.
      OSError: the file cannot be written; what was there is unchanged.
    """
    onnx = needed("onnx", "export_onnx", "'softmax_jax[onnx]'")
    affine = affine_of(model)
    made = _model(onnx, affine, floating(dtype, affine.dtype))
    onnx.checker.check_model(made, full_check=True)
    write_atomically(path, made.SerializeToString())


def _model(onnx: Any, affine: Affine, dtype: np.dtype) -> Any:
    helper = onnx.helper
    arrays = {"W": rounded(affine.scaled(), dtype), "b": rounded(affine.b.astype(np.float64), dtype)}
    (m, k), kind = affine.W.shape, helper.np_dtype_to_tensor_dtype(dtype)
    if arrays["W"].nbytes > LARGEST:
        raise ValueError(f"model must have parameters of at most {LARGEST} bytes for ONNX, got {arrays['W'].nbytes}.")
    nodes, given = [], "X"
    if affine.mean is not None:
        arrays["mean"], given = rounded(affine.mean, dtype), "centred"
        nodes.append(helper.make_node("Sub", ["X", "mean"], ["centred"]))
    nodes += [
        helper.make_node("MatMul", [given, "W"], ["products"]),
        helper.make_node("Add", ["products", "b"], ["net_input"]),
        helper.make_node("Softmax", ["net_input"], ["probabilities"], axis=-1),
    ]
    taken = [helper.make_tensor_value_info("X", kind, ["n", m])]
    returned = [helper.make_tensor_value_info("probabilities", kind, ["n", k])]
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "softmax_regression", taken, returned, tensors)
    versions = {"producer_name": "softmax_jax", "producer_version": __version__, "ir_version": IR_VERSION}
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], **versions)
    helper.set_model_props(made, {**affine.texts, "softmax_jax": __version__})
    return made
