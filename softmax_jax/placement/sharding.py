"""Rows over several devices: each holds rows of its own and computes its own part of every sum over rows.

A compiled function of a Problem runs under `jax.shard_map` on all devices along the first axis of a mesh. Inside, the
Problem's sums over rows end in an all-reduce; parameters, the solver's memory and the preconditioner are computed
alike on each device, so that a solver needs to know nothing of it. A second mesh axis, for very many classes, shares
the columns of W and of what has their shape; there XLA places the communication.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from softmax_jax.model import PRECISION, Params
from softmax_jax.placement.compilation import ONCE, Names, Passes, jitted
from softmax_jax.problem.collectives import ALONE, Collectives
from softmax_jax.problem.device_rows import DeviceRows
from softmax_jax.problem.problem import Point, Problem

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(*, static: Names = (), donate: Names = (), passes: Passes = ONCE) -> Callable[[Any], Any]:
    """A decorator for functions of a Problem: compiled, and mapped over the devices that share its rows.

    Where rows are streamed, passes are loops in Python, which no compiled program can hold: the function then runs as
    it is, and its pure parts have to be jitted functions themselves.

    Args:
      static: names of arguments that hold no arrays.
      donate: names of arguments that are used up.
      passes: how often it goes over the logits in a fit, about: ONCE, LOOPS, or a function of its arguments.
    """

    def decorated(function: Any) -> Any:
        mapped = over_rows(function)
        program = jitted(static=static, donate=donate, passes=passes)(mapped)

        @functools.wraps(function)
        def chosen(*args: Any) -> Any:
            streamed = any(isinstance(a, Problem) and a.rows.is_streamed for a in args)
            return (mapped if streamed else program)(*args)

        chosen.program = program  # type: ignore[attr-defined] # for those who lower it or count its programs
        return chosen

    return decorated


def over_rows(function: Function) -> Function:
    """`function` on the devices that share the rows of the Problem among its arguments, where it has a mesh.

    To be put under `jax.jit`. In its arguments and results, a Problem and the Z of a Point are parts of their rows;
    all else is the same on every device. Arguments that hold no arrays are passed on as they are.

    Products that state no precision, such as inner products of parameters, get that of the others: a TPU would else
    round their factors to bfloat16, a GPU to TF32.
    """

    @functools.wraps(function)
    def mapped(*args: Any) -> Any:
        with jax.default_matmul_precision(PRECISION.name.lower()):
            return shared(*args)

    def shared(*args: Any) -> Any:
        outside = next((a.rows.collectives for a in args if isinstance(a, Problem)), ALONE)
        mesh = outside.mesh
        if mesh is None:
            return function(*args)
        arrays = [i for i, a in enumerate(args) if all(hasattr(leaf, "dtype") for leaf in jax.tree.leaves(a))]

        alone = mesh.devices.shape[0] == 1  # classes only: XLA cannot partition sums over a mapped axis of one

        def local(*given: Any) -> Any:
            full = list(args)
            for i, a in zip(arrays, given, strict=True):
                full[i] = _seen_by(a, ALONE if alone else Collectives(axis=mesh.axis_names[0]))
            return function(*full)

        given = _by_classes(tuple(args[i] for i in arrays), mesh)
        if alone:
            return _by_classes(_seen_by(local(*given), outside), mesh)
        share = functools.partial(
            jax.shard_map,
            local,
            mesh=mesh,
            in_specs=_specs(given, mesh),
            axis_names={mesh.axis_names[0]},
            check_vma=False,  # solvers start loops from zeros that are the same everywhere
        )
        shapes = jax.eval_shape(share(out_specs=P()), *given)
        return _by_classes(_seen_by(share(out_specs=_specs(shapes, mesh))(*given), outside), mesh)

    return mapped  # type: ignore[return-value] # the same signature, which TypeVar cannot express


def _seen_by(tree: Any, collectives: Collectives) -> Any:
    """`tree` with rows as one of the devices sees them, or as they are seen from outside."""
    return jax.tree.map(
        lambda node: dataclasses.replace(node, collectives=collectives) if isinstance(node, DeviceRows) else node,
        tree,
        is_leaf=lambda node: isinstance(node, DeviceRows),
    )


def _specs(tree: Any, mesh: Mesh) -> Any:
    """How the arrays in `tree` are cut along the first mesh axis."""
    rows = mesh.axis_names[0]

    def spec(node: Any) -> Any:
        if isinstance(node, DeviceRows):
            T = P(rows) if node.T.ndim == 1 else P(None, rows)
            T_scale = None if node.T_scale is None else P(rows)
            X = jax.tree.map(lambda _: P(rows), node.X)
            squares = None if node.mean_squares is None else P()
            return dataclasses.replace(node, X=X, T=T, weights=P(rows), T_scale=T_scale, mean_squares=squares)
        if isinstance(node, Point):
            same: Any = P()
            return Point(same, P(None, rows), same, same, same)
        return P()

    return jax.tree.map(spec, tree, is_leaf=lambda node: isinstance(node, DeviceRows | Point))


def _by_classes(tree: Any, mesh: Mesh) -> Any:
    """`tree` with all Params and Z cut by classes along the second mesh axis, where there is one."""
    if len(mesh.axis_names) == 1:
        return tree
    rows, classes = mesh.axis_names

    def cut(array: Any, spec: P) -> Any:
        return jax.lax.with_sharding_constraint(array, NamedSharding(mesh, spec))

    def place(node: Any) -> Any:
        if isinstance(node, Point):
            params, gradient = place(node.params), place(node.gradient)
            Z = None if node.Z is None else cut(node.Z, P(classes, rows))
            return node._replace(params=params, gradient=gradient, Z=Z)
        if isinstance(node, Params):
            return jax.tree.map(lambda a: cut(a, P(*[None] * (a.ndim - 1), classes)), node)
        return node

    return jax.tree.map(place, tree, is_leaf=lambda node: isinstance(node, Params | Point))
