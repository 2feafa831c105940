"""The main job: split, standardise, fit, evaluate; see `runs.training`."""

from softmax_jax.runs.summary import TrainingRun
from softmax_jax.runs.training import predict, summarise, train

__all__ = ["TrainingRun", "predict", "summarise", "train"]
