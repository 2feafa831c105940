"""The entry of the command line: `softmax-jax`, or `python -m softmax_jax`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; say in one line which extra is missing where it is not installed."""
    try:
        from softmax_jax.cli import run  # typer, rich, matplotlib and pandas are an extra
    except ModuleNotFoundError as error:
        print(f"softmax-jax needs {error.name}: pip install 'softmax_jax[cli]'", file=sys.stderr)
        sys.exit(2)
    sys.exit(run())


if __name__ == "__main__":
    main()
