"""All of scikit-learn's estimator checks pass for every solver; none is skipped and none is expected to fail.

The checks run in processes of their own, two at a time, because SCIPY_ARRAY_API=1 must be set before SciPy is
imported: without it one check would be skipped. Run as a script this file prints the outcomes as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback

import pytest
from sklearn.utils import estimator_checks

from softmax_jax import SoftmaxRegression

ESTIMATORS = {
    "auto": SoftmaxRegression(),
    "lbfgs": SoftmaxRegression(solver="lbfgs"),
    "newton-cg": SoftmaxRegression(solver="newton-cg"),
    "gradient descent": SoftmaxRegression(eta=1.0, epochs=200),
}
SHARES = (["auto", "gradient descent"], ["lbfgs", "newton-cg"])
# scikit-learn yields these for its own classes only.
BY_NAME = (
    estimator_checks.check_class_weight_balanced_linear_classifier,
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_param_validation,
)
YIELDED = 63  # by scikit-learn 1.9 for dense X; it adds one for an estimator that takes sparse X


def outcomes(estimator) -> list[tuple[str, str, str]]:
    """(check, status, traceback) of every check, those that must be called by name included."""
    rows = []

    def keep(*, check_name, exception, status, **_):
        rows.append((check_name, status, "".join(traceback.format_exception(exception)) if exception else ""))

    estimator_checks.check_estimator(estimator, on_fail=None, on_skip=None, callback=keep)
    for check in BY_NAME:
        try:
            check("SoftmaxRegression", estimator)
        except BaseException as error:
            keep(check_name=check.__name__, exception=error, status=type(error).__name__)
        else:
            keep(check_name=check.__name__, exception=None, status="passed")
    return rows


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict:
    """The outcomes for each estimator."""
    # the checks are about behaviour: code that compiles fast serves them better than code that runs fast
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    environment = os.environ | {"SCIPY_ARRAY_API": "1", "XLA_FLAGS": flags} | cache
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, *names], env=environment, stdout=subprocess.PIPE, text=True
        )
        for names in SHARES
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return {name: rows for output in outputs for name, rows in json.loads(output).items()}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_check_passes_and_none_is_skipped(name, results):
    rows = results[name]
    failed = [f"{check}: {status}\n{trace}" for check, status, trace in rows if status != "passed"]
    assert not failed, "\n".join(failed)
    assert len(rows) >= YIELDED + len(BY_NAME)
    assert {check.__name__ for check in BY_NAME} <= {check for check, _, _ in rows}


if __name__ == "__main__":
    print(json.dumps({name: outcomes(ESTIMATORS[name]) for name in sys.argv[1:]}))
