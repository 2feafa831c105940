"""The command line, a verb per file: `softmax-jax fit iris`."""

from softmax_jax.cli.app import run

__all__ = ["run"]
