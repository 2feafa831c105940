"""All of scikit-learn's estimator checks pass; none is skipped and none is expected to fail.

The solver that is chosen by size goes through all of them. Which solver it is decides only the numbers of a fit: for
the others those checks are made that look at numbers.

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
SHARES = (["auto", "newton-cg"], ["gradient descent", "lbfgs"])
WHOLE = "auto"
OF_NUMBERS = {
    "check_class_weight_classifiers",
    "check_classifiers_classes",
    "check_classifiers_one_label",
    "check_classifiers_one_label_sample_weights",
    "check_classifiers_train",
    "check_decision_proba_consistency",
    "check_estimators_dtypes",
    "check_estimator_sparse_array",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_non_transformer_estimators_n_iter",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}
# scikit-learn yields these for its own classes only.
BY_NAME = (
    estimator_checks.check_class_weight_balanced_linear_classifier,
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_param_validation,
)
YIELDED = 63  # by scikit-learn 1.9 for dense X; it adds one for an estimator that takes sparse X


def outcomes(name: str) -> list[tuple[str, str, str]]:
    """(check, status, traceback) of every check that is made of an estimator."""
    rows, estimator = [], ESTIMATORS[name]

    def keep(*, check_name, exception, status, **_):
        rows.append((check_name, status, "".join(traceback.format_exception(exception)) if exception else ""))

    def made(check_name, check, *args):
        try:
            check(*args)
        except BaseException as error:
            keep(check_name=check_name, exception=error, status=type(error).__name__)
        else:
            keep(check_name=check_name, exception=None, status="passed")

    if name != WHOLE:
        for given, check in estimator_checks.estimator_checks_generator(estimator):
            if check.func.__name__ in OF_NUMBERS:
                made(check.func.__name__, check, given)
        return rows
    estimator_checks.check_estimator(estimator, on_fail=None, on_skip=None, callback=keep)
    for check in BY_NAME:
        made(check.__name__, check, "SoftmaxRegression", estimator)
    return rows


@pytest.fixture(scope="module")
def results() -> dict:
    """The outcomes for each estimator."""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
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
    if name != WHOLE:
        assert {check for check, _, _ in rows} == OF_NUMBERS
        return
    assert len(rows) >= YIELDED + len(BY_NAME)
    assert {check.__name__ for check in BY_NAME} <= {check for check, _, _ in rows}


if __name__ == "__main__":
    print(json.dumps({name: outcomes(name) for name in sys.argv[1:]}))
