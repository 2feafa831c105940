"""The program: its verbs, and what becomes of errors, warnings and Ctrl-C.

Exit code 0: done; a fit has converged, its duality gap is proven to be at most tol. 1: ran, not converged, or a check
that failed. 2: bad input, told in one line. 130: interrupted.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from softmax_jax._version import __version__
from softmax_jax.cli import verb_bench, verb_check, verb_evaluate, verb_export, verb_fit, verb_predict, verb_probe
from softmax_jax.cli.terminal import BAD_INPUT, INTERRUPTED, INTERRUPTED_BUT_SAVED, say

_UsageError: Any = typer.BadParameter.__bases__[0]  # its own name is private in some versions of typer
_REFUSED = (ValueError, TypeError, OSError, ImportError, NotImplementedError, MemoryError)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
app.command("fit")(verb_fit.fit)
app.command("predict")(verb_predict.predict)
app.command("evaluate")(verb_evaluate.evaluate)
app.command("probe")(verb_probe.probe)
app.command("export")(verb_export.export)
app.command("check")(verb_check.check)
app.command("bench")(verb_bench.bench)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
      arguments: words after the name of the program; those of the process where not given.

    Returns:
      The exit code: 0, 1 (ran, not converged), 2 (bad input), 130 (interrupted).
    """
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: say("warning", message)
        try:
            code = app(args=arguments, prog_name="softmax-jax", standalone_mode=False) or 0
        except _UsageError as error:
            say("error", error.format_message())
            code = BAD_INPUT
        except _REFUSED as error:
            say("error", _words(error))
            code = BAD_INPUT
        except (typer.Abort, KeyboardInterrupt):  # how some versions of typer tell of Ctrl-C; others return 130
            code = INTERRUPTED
    if code == INTERRUPTED:
        say("error", "interrupted before anything was written")
    return abs(code) if code == INTERRUPTED_BUT_SAVED else code


def _words(error: Exception) -> str:
    """What an error says; of a file, its name before what is wrong with it."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return str(error) or type(error).__name__


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Softmax regression in JAX: the exact optimum, with a proof."""
    if version:
        print(__version__)
    elif context.invoked_subcommand is None:
        print(context.get_help())
