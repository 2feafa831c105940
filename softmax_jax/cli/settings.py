"""The settings of a run as TOML: written beside what it leaves, and read by --from-config in place of the defaults.

A key is the name of an option without its dashes, such as max-iter; DATA is data. What is given on the command line
counts more than the file, but a switch that has no opposite, such as no-standardise, cannot be undone there. Relative
paths in the file are, like those on the command line, relative to the folder in which the command is run.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from softmax_jax._version import __version__

FILE = "settings.toml"
_NOT_KEPT = ("from-config", "json")


def read_settings(context: typer.Context, path: Path | None) -> Path | None:
    """Make the values of a file the defaults of the command that is being read; the callback of --from-config.

    Args:
      context: of the command.
      path: of the TOML file, or None.

    Raises:
      ValueError: it cannot be read, has a key that is no option, or a value that the option cannot have.
    """
    if path is None:
        return None
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"--from-config: {path} is not TOML: {error}.") from error
    known = {_key(name): each for each in context.command.params for name in (each.name or "", *each.opts)}
    known = {name: each for name, each in known.items() if name not in ("from-config", "help", "")}
    found = {}
    for name, value in table.items():
        if _key(name) not in known:
            close = difflib.get_close_matches(_key(name), known, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"--from-config: {path} has {name!r}, which is no option of this command.{hint}")
        parameter = known[_key(name)]
        found[parameter.name] = _as_given(parameter, value, f"--from-config: {name} in {path}")
    context.default_map = {**(context.default_map or {}), **found}
    return path


FromConfig = Annotated[
    Path | None,
    typer.Option(
        "--from-config",
        metavar="FILE",
        is_eager=True,
        callback=read_settings,
        rich_help_panel="Output",
        help=f"A TOML file of options, such as {FILE} of a run; those given here count more. A switch "
        "that it sets, such as no-standardise = true, stays on: take it out of the file.",
    ),
]


def write_settings(given: Any, out: Path, verb: str) -> Path:
    """Write the options of a run: settings.toml in the folder of its output, or NAME.settings.toml beside its file.

    Args:
      given: the record of options.
      out: an existing folder, or the file that the run has written.
      verb: the command, for a comment.

    Returns:
      The path written.

    Raises:
      OSError: it cannot be written.
    """
    path = out / FILE if out.is_dir() else out.with_suffix(f".{FILE}")
    head = f"# softmax-jax {verb} --from-config {path.name}   (version {__version__})\n"
    path.write_text(head + settings_toml(given), encoding="utf-8")
    return path


def settings_toml(given: Any) -> str:
    """The options of a record as TOML, a line each; options without a value are left out.

    Args:
      given: a record of options, as typer reads them.
    """
    hints, lines = get_type_hints(type(given), include_extras=True), []
    for field in dataclasses.fields(given):
        name, value = _option_name(field.name, hints[field.name]), getattr(given, field.name)
        if name not in _NOT_KEPT and value is not None and value != "" and value != []:
            lines.append(f"{name} = {_toml(value)}\n")
    return "".join(lines)


def _option_name(field: str, hint: Any) -> str:
    """The name of an option without its dashes: of --stream/--no-stream the first."""
    for info in getattr(hint, "__metadata__", ()):
        declared = (*(getattr(info, "param_decls", None) or ()), getattr(info, "default", None))  # typer takes either
        names = [name for name in declared if isinstance(name, str) and name.startswith("--")]
        if names:
            return _key(names[0].split("/")[0])
    return _key(field)


def _key(name: str) -> str:
    return name.lstrip("-").replace("_", "-")


def _toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, enum.Enum):
        return _toml(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _as_given(parameter: Any, value: Any, where: str) -> Any:
    """A value as the command line would have given it: text, but for switches; lists of it for what may be repeated.

    Raises:
      ValueError: it is of another kind than the option; `where` begins the message.
    """
    several = getattr(parameter, "multiple", False) or parameter.nargs != 1
    if getattr(parameter, "is_flag", False):
        if not isinstance(value, bool):
            raise ValueError(f"{where} must be true or false, got {value!r}.")
        return value
    values = value if isinstance(value, list) and several else [value]
    if any(isinstance(each, bool) or not isinstance(each, str | int | float) for each in values):
        raise ValueError(f"{where} must be text or a number{', or a list of these' if several else ''}, got {value!r}.")
    return [str(each) for each in values] if several else str(value)
