"""adelie's path of grouped strengths, in an interpreter that has it: python adelie_path.py problem.npz answer.npz.

It needs NumPy and adelie only, because adelie 1.1 does not go with the NumPy that JAX needs. problem.npz holds X, y,
the strengths lmda (decreasing), tol, irls_tol and n_threads; answer.npz gets W (L, m, k), b (L, k) and seconds.
"""

from __future__ import annotations

import sys
import time

import adelie as ad
import numpy as np


def main() -> None:
    """One path."""
    problem = np.load(sys.argv[1])
    X, y = np.asfortranarray(problem["X"]), problem["y"]
    T = np.eye(int(y.max()) + 1, dtype=X.dtype)[y]
    start = time.perf_counter()
    state = ad.grpnet(
        X,
        ad.glm.multinomial(T, dtype=X.dtype.type),
        lmda_path=problem["lmda"],
        tol=float(problem["tol"]),
        irls_tol=float(problem["irls_tol"]),
        n_threads=int(problem["n_threads"]),
        early_exit=False,
        progress_bar=False,
    )
    seconds = time.perf_counter() - start
    W = np.stack([row.toarray().reshape(X.shape[1], T.shape[1]) for row in state.betas])
    np.savez(sys.argv[2], W=W, b=np.asarray(state.intercepts), lmda=np.asarray(state.lmdas), seconds=seconds)


if __name__ == "__main__":
    main()
