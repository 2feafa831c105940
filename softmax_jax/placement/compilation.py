"""How much a program is optimised: on a CPU, where compiling it takes longer than running it, as little as may be.

Of a first fit of a small table nearly all is compilation. XLA's products are library kernels whatever it is told; what
it generates itself runs two to three times as long without optimisation, and takes half as long to compile. So a
program that runs a few times, or over few logits, is not optimised; one that loops over many is. The fusion emitters
of XLA's CPU compiler cost half of its time, and no gain from them was seen. Other platforms compile as they like.

This is the one place that decides it, by the platform on which the data lie.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.core import Tracer

from softmax_jax.model import Params
from softmax_jax.placement.platforms import is_on_cpu
from softmax_jax.problem.problem import Problem

OPTIONS: dict[str, dict[str, Any]] = {
    "without emitters": {"xla_cpu_use_fusion_emitters": False},
    "unoptimised": {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0},
}
FEW = 2**20  # logits in all calls, up to which optimising would save about as much as it costs: 0.1 s of 1 s
ONCE, LOOPS = 2, 40  # how often a program goes over the logits in a fit, about

Options = dict[str, Any] | None
Names = str | tuple[str, ...]
Passes = int | Callable[..., int]


class Jitted:
    """`jax.jit` of a function of a Problem, with the compile options that suit its arguments.

    Attributes:
      plain: the jitted function without options, for those who lower it, and inside other jitted functions.
    """

    def __init__(self, function: Any, static: Names, donate: Names, passes: Passes) -> None:
        """As `jitted`."""
        functools.update_wrapper(self, function)
        self._jit: Callable[..., Any] = functools.partial(
            jax.jit, function, static_argnames=static, donate_argnames=donate
        )
        self._passes = passes
        self._programs: dict[str, Any] = {"": self._jit()}
        self.plain: Any = self._programs[""]

    def __call__(self, *args: Any) -> Any:
        """What the function returns."""
        passes = self._passes(*args) if callable(self._passes) else self._passes
        return self._suited(options_for(passes, args))(*args)

    def count(self) -> int:
        """How many programs are compiled so far."""
        return sum(program._cache_size() for program in self._programs.values())

    def _suited(self, options: Options) -> Any:
        key = repr(options or "")
        if options and key not in self._programs:
            self._programs[key] = self._jit(compiler_options=options)
        return self._programs[key] if options else self.plain


def jitted(*, static: Names = (), donate: Names = (), passes: Passes = ONCE) -> Callable[[Any], Jitted]:
    """A decorator for functions that have a Problem, or a batch of them, among their arguments.

    Args:
      static: names of arguments that hold no arrays.
      donate: names of arguments that are used up.
      passes: how often it goes over the logits in a fit, about: ONCE, LOOPS, or a function of its arguments.
    """
    return lambda function: Jitted(function, static, donate, passes)


def options_for(passes: int, args: tuple[Any, ...]) -> Options:
    """The compile options for a function of `args`; None for those of JAX.

    Args:
      passes: over the logits.
      args: with a Problem among them; traced ones take none, since only the outermost function may have any.
    """
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(args)) or not is_on_cpu(args):
        return None
    return _known_of("unoptimised" if passes * _elements(args) <= FEW else "without emitters")


def _elements(args: tuple[Any, ...]) -> int:
    """Logits of all rows, with entries of the features where they are promoted, or where there are no parameters."""
    rows = next(a for a in args if isinstance(a, Problem)).rows
    nodes = jax.tree.leaves(args, is_leaf=lambda node: isinstance(node, Params))
    width = next((node.b.size for node in nodes if isinstance(node, Params)), rows.shape[-1])
    width += rows.shape[-1] if rows.stored_dtype != rows.dtype else 0
    return rows.weights.shape[-1] * width  # type: ignore[attr-defined] # rows that are read take another way


@functools.cache
def _known_of(way: str) -> Options:
    """The options of `way` that this jaxlib takes."""
    wanted = OPTIONS[way]
    if _are_known(wanted):
        return wanted
    return {name: value for name, value in wanted.items() if _are_known({name: value})} or None


def _are_known(options: dict[str, Any]) -> bool:
    """Whether this jaxlib takes the options: an unknown one is refused in about 10 ms."""
    try:
        jax.jit(lambda: None, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True
