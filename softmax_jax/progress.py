"""The live line of a fit; see `runs.progress`."""

from softmax_jax.runs.progress import ProgressLine, SearchLine, seconds_left

__all__ = ["ProgressLine", "SearchLine", "seconds_left"]
