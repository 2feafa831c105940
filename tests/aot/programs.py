"""Compile the package's programs for a target, and write what the compiler made of them to a file.

    python -m aot.programs "eight v5e" reports.pickle [folder for the programs' texts]

A process of its own, in an environment that `test_programs` makes.
"""

from __future__ import annotations

import dataclasses
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absent_devices import Shapes
from aot.reports import Report, report
from aot.targets import ENTRIES, FOLDS, LARGE, SPARSE, SWEEP, TARGETS, Target

from softmax_jax.certificate.bound import bound_at
from softmax_jax.dtypes import scope
from softmax_jax.model import net_input, softmax
from softmax_jax.placement.platforms import FASTEST, with_products
from softmax_jax.problem.blocks import rows_per_block
from softmax_jax.problem.tiles import FUSED
from softmax_jax.solvers import batched_passes, steps
from softmax_jax.solvers.lbfgs import LBFGS

SOLVER = LBFGS()
OPTIONS = {"cuda": {"xla_gpu_enable_triton_gemm": False}}  # without a GPU to try them on, some tiles are no tiles


class Compiler:
    """The programs of a target, and the reports on those that were compiled."""

    def __init__(self, target: Target, folder: str | None = None) -> None:
        """Nothing is compiled yet; texts go to the folder."""
        self.target, self.shapes, self.folder = target, Shapes(target.devices), folder
        self.reports: dict[str, Report] = {}

    def all(self) -> None:
        """Every program once."""
        training = self._problem(np.float32)
        self._fit("", training, *LARGE[1:])
        if self.target.platform == "cuda":  # a TPU's compiler takes minutes for it
            halves = with_products(training.rows.tiles, FASTEST["cuda"])  # what a solver takes there unasked
            self._fit("halves ", training.replaced(rows=training.rows.worked_by(halves)), *LARGE[1:])
        self._certificate()
        self._sweep()
        self._fit(
            "sparse ", self.shapes.problem(SPARSE[0], self.shapes.sparse(SPARSE[0], SPARSE[1], ENTRIES)), *SPARSE[1:]
        )
        self._predictions()

    def _problem(self, dtype: Any) -> Any:
        """The large problem; by blocks on a TPU alone, which has no memory for its logits."""
        n, m, k = LARGE
        problem = self.shapes.problem(n, self.shapes.features(n, m), dtype)
        if self.target.memory * self.target.count > 16:
            return problem
        rows = rows_per_block(FUSED, 4 * k, self.target.memory * 2**30)
        return dataclasses.replace(problem, rows=problem.rows.by_blocks(rows))

    def _fit(self, name: str, problem: Any, m: int, k: int) -> None:
        s = self.shapes
        moment = s.moment(m) if not problem.rows.is_wide else s.moment(m)._replace(U=None)
        begun = self._compiled(f"{name}begin", steps.begin.program.plain, SOLVER, problem, moment, s.params(m, k))
        chunk = _results(begun)
        self._compiled(f"{name}run", steps.run.program.plain, SOLVER, problem, chunk, s.scalar(), s.scalar(np.int32))

    def _certificate(self) -> None:
        exact = np.float32 if self.target.platform == "tpu" else np.float64
        with scope(exact):
            params = self.shapes.params(*LARGE[1:])
            self._compiled("certificate", bound_at.program.plain, self._problem(exact), params)

    def _sweep(self) -> None:
        s, (n, m, k) = self.shapes, SWEEP
        problem, moment = s.problem(n, s.features(n, m), folds=FOLDS), s.moment(m)
        layout = batched_passes.Layout(("weights", "l2"), True)
        given = SOLVER, layout, problem, moment
        begun = self._compiled("sweep's begin", batched_passes.begin.plain, *given, s.params(m, k, folds=FOLDS))
        chunk, numbers = _results(begun), s.scalar(np.float32, FOLDS)
        self._compiled("sweep's run", batched_passes.run.plain, *given, chunk, numbers, s.scalar(np.int32, FOLDS))
        start = s.params(m, k, folds=FOLDS)
        self._compiled("sweep's restart", batched_passes.restart.plain, *given, chunk, start, numbers)

    def _predictions(self) -> None:
        X, params = self.shapes.features(2**16, LARGE[1]).X, self.shapes.params(*LARGE[1:])
        self._compiled("predictions", jax.jit(lambda params, X: softmax(net_input(params, X))), params, X)

    def _compiled(self, name: str, function: Any, *args: Any) -> Any:
        start = time.perf_counter()
        compiled = function.lower(*args).compile(OPTIONS.get(self.target.platform))
        self.reports[name] = found = report(compiled)
        wall_s = time.perf_counter() - start
        print(f"{name}: {wall_s:.1f} s; GiB {found.arguments:.2f} + {found.temporary:.2f}", flush=True)
        if self.folder:
            Path(self.folder, f"{name}.txt").write_text(compiled.as_text())
        return compiled


def _results(compiled: Any) -> Any:
    """The shapes of what a program returns, where it returns them."""
    return jax.tree.map(
        lambda a, sharding: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding),
        compiled.out_info,
        compiled.output_shardings,
    )


def main(name: str, out: str, folder: str | None = None) -> None:
    """Reports on all programs, by their names, to the file `out`."""
    compiler = Compiler(TARGETS[name], folder)
    compiler.all()
    Path(out).write_bytes(pickle.dumps(compiler.reports))


if __name__ == "__main__":
    main(*sys.argv[1:])
