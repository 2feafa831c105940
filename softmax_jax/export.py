"""Models as programs that run without this library; see `model_files.export`, `torch_layer` and `onnx_graph`."""

from softmax_jax.model_files.export import export_predict
from softmax_jax.model_files.onnx_graph import export_onnx
from softmax_jax.model_files.torch_layer import export_state_dict, export_torch

__all__ = ["export_onnx", "export_predict", "export_state_dict", "export_torch"]
