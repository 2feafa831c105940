"""Predictions as a program that runs with JAX alone; see `model_files.export`."""

from softmax_jax.model_files.export import export_predict

__all__ = ["export_predict"]
