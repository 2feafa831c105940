"""Validation of input: all of it is checked on the host; an error names the argument, what is expected and what came.

Nothing that could change its meaning is converted silently: numeric strings, dates, masked and missing
entries are refused. NumPy only, so that importing the package stays fast. The rules, by what they are for:
"""

from __future__ import annotations

from softmax_jax.inputs.features import features
from softmax_jax.inputs.labels import as_labels, check_labels
from softmax_jax.inputs.quantities import number, weights
from softmax_jax.inputs.targets import distributions, targets

__all__ = ["as_labels", "check_labels", "distributions", "features", "number", "targets", "weights"]
