"""Do products of halves cost passes? python experiments/product_precision.py [problem ...].

An accelerator makes up a float32 product of one, three or six products of bfloat16 numbers. A CPU computes in float32
whatever it is asked, so that the halves are taken here by hand: x = high + middle + low, each rounded to 8 bits, their
products exact in float32 and summed there. Recorded: passes of L-BFGS to a proven gap, and what a fit went on in where
it got no closer.
"""

from __future__ import annotations

import sys
from typing import Any

import jax
import numpy as np
from jax import lax
from problems import PROBLEMS
from recording import record
from rich.console import Console
from rich.table import Table

import softmax_jax as sj
from softmax_jax.problem.features import DenseFeatures

TERMS = {  # which parts of the two factors are multiplied, the smallest products first
    "1 product": [(0, 0)],
    "3 products": [(1, 0), (0, 1), (0, 0)],
    "6 products": [(2, 0), (0, 2), (1, 1), (1, 0), (0, 1), (0, 0)],
}
TOLERANCES = (1e-4, 1e-5, 1e-6)


def parts(a: Any) -> list[Any]:
    """Three bfloat16 numbers, as float32, that sum to each entry of `a`."""
    found = []
    for _ in range(3):
        found.append(lax.reduce_precision(a, exponent_bits=8, mantissa_bits=7))
        a = a - found[-1]
    return found


def product(A: Any, B: Any, contracted: tuple, terms: list[tuple[int, int]]) -> Any:
    """A times B of some of their parts."""
    of_A, of_B = parts(A), parts(B)
    return sum(lax.dot_general(of_A[i], of_B[j], (contracted, ((), ())), precision="highest") for i, j in terms)


def made_up(terms: list[tuple[int, int]] | None) -> None:
    """Let features multiply so in float32, or as they do where that is None."""
    DenseFeatures._product, DenseFeatures.backward = USUAL
    if terms is None:
        return

    def forward(self: Any, W: Any, X: Any) -> Any:
        return product(W.T, X, ((1,), (1,)), terms) if W.dtype == np.float32 else USUAL[0](self, W, X)

    def backward(self: Any, R: Any) -> Any:
        return product(R, self.X, ((1,), (0,)), terms).T if R.dtype == np.float32 else USUAL[1](self, R)

    DenseFeatures._product, DenseFeatures.backward = forward, backward


USUAL = DenseFeatures._product, DenseFeatures.backward


def main() -> None:
    """Count, print and record."""
    rows = []
    table = Table("problem", "tol", "products", "passes", "gap", "status", "went on in")
    for name in sys.argv[1:] or ("digits", "middle_fitted"):
        case = PROBLEMS[name]()
        X = case.X.astype(np.float32)
        for tol in TOLERANCES:
            for way, terms in {"float32": None, **TERMS}.items():
                made_up(terms)
                jax.clear_caches()
                found = sj.fit(X, case.y, l2=case.l2, tol=tol, solver=sj.LBFGS())
                row = {"problem": name, "tol": tol, "products": way, "passes": found.n_passes}
                row |= {"gap": found.duality_gap, "status": found.status, "computed in": found.precision}
                rows.append(row)
                went_on = found.precision.removeprefix("float32").removeprefix(", then ")
                table.add_row(name, f"{tol:g}", way, str(found.n_passes), f"{row['gap']:.1e}", found.status, went_on)
    Console(width=120).print(table)
    print(f"written: {record('product_precision', rows)}")


if __name__ == "__main__":
    main()
