"""The solvers of the sparse race. Each returns seconds, W and b; a path gives a list of (W, b)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import sklearn
from sklearn.linear_model import LogisticRegression
from timing import timed

import softmax_jax as sj
from softmax_jax.conventions import adelie_lambda_from_penalties, sklearn_c_from_penalties
from softmax_jax.runs import blas_threads

Answer = tuple[float, np.ndarray, np.ndarray]  # seconds, W (m, k), b (k,)
TOL = 1e-5
STARTING_S = 10.0  # of another interpreter, with what it imports and reads
_ELASTIC = {} if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8) else {"penalty": "elasticnet"}


def ours(X: Any, y: np.ndarray, l1: float, l2: float, group: str | None = None, tol: float = TOL) -> tuple[float, Any]:
    """Seconds and the result of one fit."""
    return timed(lambda: sj.fit(X, y, l1=l1, l2=l2, group=group, tol=tol))


def our_path(X: Any, y: np.ndarray, l1_values: np.ndarray, tol: float = TOL) -> tuple[float, Any]:
    """Seconds and the result of one path of grouped strengths."""
    return timed(lambda: sj.fit_path(X, y, l1_values=l1_values, l2=0.0, group="features", tol=tol))


def saga(X: Any, y: np.ndarray, l1: float, l2: float, epochs: int, threads: int | None = None) -> Answer:
    """scikit-learn's saga for a number of epochs, of at least three classes."""
    C, l1_ratio = sklearn_c_from_penalties(l1, l2, len(y), int(y.max()) + 1)
    model = LogisticRegression(
        C=C, l1_ratio=l1_ratio, solver="saga", tol=0.0, max_iter=epochs, random_state=0, **_ELASTIC
    )
    X = _short_indices(X)
    with blas_threads.limited(threads):
        seconds, _ = timed(lambda: model.fit(X, y))
    return seconds, model.coef_.T, model.intercept_


def _short_indices(X: Any) -> Any:
    """Sparse X as saga wants it, with indices of 32 bits."""
    if not sp.issparse(X):
        return X
    return sp.csr_array((X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)), shape=X.shape)


def adelie_path(
    python: str, X: np.ndarray, y: np.ndarray, l1_values: np.ndarray, tol: float, threads: int, limit_s: float
) -> tuple[float, list[tuple[np.ndarray, np.ndarray]]] | None:
    """Seconds and (W, b) at each of decreasing grouped strengths, of the interpreter `python`; None beyond the limit.

    Its float32 is not raced: on 500 x 5000 x 5 it ended at the first strength, "Newton-ABS max iterations reached".
    """
    lmda = adelie_lambda_from_penalties(l1_values, np.zeros_like(l1_values), int(y.max()) + 1)[0]
    with tempfile.TemporaryDirectory() as folder:
        problem, answer = Path(folder) / "problem.npz", Path(folder) / "answer.npz"
        np.savez(problem, X=X.astype(np.float64), y=y, lmda=lmda, tol=tol, irls_tol=tol, n_threads=threads)
        command = [python, str(Path(__file__).with_name("adelie_path.py")), str(problem), str(answer)]
        try:
            subprocess.run(command, check=True, timeout=limit_s + STARTING_S)
        except subprocess.TimeoutExpired:
            return None
        found = np.load(answer)
        np.testing.assert_allclose(found["lmda"], lmda, rtol=1e-9)  # every strength, in this order
        return float(found["seconds"]), list(zip(found["W"], found["b"], strict=True))


def adelie_version(python: str = sys.executable) -> str | None:
    """Of the adelie that this interpreter has, or None."""
    command = [python, "-c", "from importlib.metadata import version; import adelie; print(version('adelie'))"]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else None
