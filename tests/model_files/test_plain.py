"""A fit that is stored as an estimator is the estimator that was fitted so."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from softmax_jax.data import load_named
from softmax_jax.estimators.regression import SoftmaxRegression
from softmax_jax.fitting.single import fit
from softmax_jax.model_files.files import load, save_described
from softmax_jax.model_files.plain import describe_fit
from softmax_jax.runs.scaling import scaling_of
from softmax_jax.solvers import LBFGS, SGD

pd = pytest.importorskip("pandas")
IRIS = load_named("iris")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of gradient descent
@pytest.mark.parametrize("solver", [None, LBFGS(memory=5), SGD(eta=0.5, epochs=3)])
@pytest.mark.parametrize("scaled", [False, True])
def test_the_loaded_model_is_the_fitted_one(solver, scaled, tmp_path):
    scaling = scaling_of(IRIS.X) if scaled else None
    settings = {"l2": 1e-2, "tol": 1e-4, "max_iter": 50, "seed": 3}
    result = fit(IRIS.X if scaling is None else scaling.apply(IRIS.X), IRIS.y, solver=solver, **settings)
    kind, stored = describe_fit(result, IRIS.feature_names, {"solver": solver, **settings}, scaling)
    save_described(kind, stored, tmp_path / "m.safetensors")
    found = load(tmp_path / "m.safetensors")
    model = SoftmaxRegression(l2=1e-2, tol=1e-4, max_iter=50, random_state=3, solver=solver or "auto")
    fitted = make_pipeline(StandardScaler(), model) if scaled else model
    frame = pd.DataFrame(IRIS.X, columns=list(IRIS.feature_names))
    fitted.fit(IRIS.X, IRIS.y)
    assert repr(found) == repr(fitted)
    for ours, theirs in zip(_steps(found), _steps(fitted), strict=True):
        assert ours.get_params() == theirs.get_params()
        for name, value in vars(theirs).items():
            if name not in ("params_", "_columns"):
                np.testing.assert_array_equal(getattr(ours, name), value, err_msg=name)
        if ours is _steps(found)[0]:
            assert list(ours.feature_names_in_) == list(IRIS.feature_names)
    np.testing.assert_array_equal(found.predict_proba(frame), fitted.predict_proba(IRIS.X))


def _steps(model):
    return [step for _, step in model.steps] if hasattr(model, "steps") else [model]
