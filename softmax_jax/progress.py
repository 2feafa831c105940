"""The live line of a fit; see `runs.progress`."""

from softmax_jax.runs.progress import ProgressLine, SearchLine, StepLine, seconds_left

__all__ = ["ProgressLine", "SearchLine", "StepLine", "seconds_left"]
