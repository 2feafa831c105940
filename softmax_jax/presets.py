"""Protocols of linear probes; see `model_selection.protocols`."""

from softmax_jax.model_selection.protocols import Protocol, clip, dinov2, grid, simclr

__all__ = ["Protocol", "clip", "dinov2", "grid", "simclr"]
