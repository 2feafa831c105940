"""Cross-validation by row weights is cross-validation on copies, certified."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

import softmax_jax as sj

STRENGTHS = [1.0, 1e-3, 1e-1]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture(scope="module")
def validated(iris):
    return sj.cross_validate(*iris, STRENGTHS, cv=3, tol=1e-9)


def test_every_fold_is_the_fit_of_its_rows(iris, validated):
    X, y = iris
    assert validated.scores.shape == (3, 3)
    assert validated.duality_gap.max() <= 1e-9
    for f, (train, test) in enumerate(validated.splits):
        for j, l2 in enumerate(STRENGTHS):
            alone = sj.fit(X[train], y[train], l2=l2, tol=1e-9)
            assert abs(alone.objective - validated.objective[f, j]) <= 2e-9
            Z = X[test] @ validated.params.W[f, j] + validated.params.b[f, j]
            assert validated.scores[f, j] == np.mean(validated.classes[Z.argmax(axis=1)] == y[test])


def test_the_folds_are_scikit_learns(iris, validated):
    X, y = iris
    for ours, theirs in zip(validated.splits, StratifiedKFold(3).split(X, y), strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])
    l2, j = 1e-1, 2
    for f, (train, test) in enumerate(validated.splits):
        model = LogisticRegression(C=1 / (l2 * len(train)), tol=1e-8, max_iter=5000).fit(X[train], y[train])
        assert validated.scores[f, j] == pytest.approx(model.score(X[test], y[test]))


def test_the_strongest_of_equals_is_the_best(validated):
    equals = validated._replace(scores=np.ones((3, 3)))
    assert equals.best_l2 == 1.0
    assert validated.mean_scores[validated.best] == validated.mean_scores.max()


def test_sparse_features_give_the_same_scores(iris, validated):
    X, y = iris
    again = sj.cross_validate(sp.csr_array(X), y, STRENGTHS, cv=3, tol=1e-9)
    np.testing.assert_allclose(again.objective, validated.objective, atol=2e-9)
    np.testing.assert_array_equal(again.scores, validated.scores)


def test_a_class_missing_from_a_fold_keeps_its_column_and_is_named(iris):
    X, y = iris
    found = sj.cross_validate(X, y, [1e-1], cv=KFold(3))  # iris is sorted: each fold holds out a whole class
    assert found.missing == [["setosa"], ["versicolor"], ["virginica"]]
    assert found.params.W.shape == (3, 1, 4, 3)
    assert np.isfinite(found.params.W).all() and np.isfinite(found.params.b).all()
    assert {s for fold in found.status for s in fold} == {"converged"}
    np.testing.assert_array_equal(found.scores, 0)


def test_scorers_groups_and_weights_are_used(iris):
    X, y = iris
    groups = np.arange(150) % 6
    weight = 1.0 + (np.arange(150) % 2)
    found = sj.cross_validate(
        X, y, STRENGTHS, cv=GroupKFold(3), groups=groups, scoring="neg_log_loss", sample_weight=weight, tol=1e-9
    )
    for train, test in found.splits:
        assert not set(groups[train]) & set(groups[test])
    assert (found.scores < 0).all()
    train = found.splits[0][0]
    alone = sj.fit(X[train], y[train], l2=1.0, sample_weight=weight[train], tol=1e-9)
    assert abs(found.objective[0, 0] - alone.objective) <= 2e-9


def test_masks_of_rows_are_folds_too(iris):
    X, y = iris
    mask = np.arange(150) % 3 > 0
    of_masks = sj.cross_validate(X, y, [1e-1], cv=[(mask, ~mask)])
    of_rows = sj.cross_validate(X, y, [1e-1], cv=[(np.flatnonzero(mask), np.flatnonzero(~mask))])
    np.testing.assert_array_equal(of_masks.objective, of_rows.objective)
    np.testing.assert_array_equal(of_masks.scores, of_rows.scores)


def test_a_class_with_fewer_members_than_folds_warns_and_is_fitted(iris):
    X, y = iris
    rows = np.r_[0:50, 50:100, 100:102]
    with pytest.warns(UserWarning, match="least populated class in y has only 2 members") as ours:
        found = sj.cross_validate(X[rows], y[rows], [1e-1], cv=3, scoring="neg_log_loss")
    with pytest.warns(UserWarning, match="least populated class") as theirs:
        splits = list(StratifiedKFold(3).split(X[rows], y[rows]))
    assert str(ours[0].message) == str(theirs[0].message)
    for mine, (_, test) in zip(found.splits, splits, strict=True):
        np.testing.assert_array_equal(mine[1], test)
    assert {s for fold in found.status for s in fold} == {"converged"} and np.isfinite(found.scores).all()


def test_a_class_of_one_member_is_missing_from_the_fold_that_holds_it_out(iris):
    X, y = iris
    rows = np.r_[0:50, 50:101]
    with pytest.warns(UserWarning, match="least populated class in y has only 1 members"):
        found = sj.cross_validate(X[rows], y[rows], [1e-1], cv=3)
    lacking = [f for f, (train, _) in enumerate(found.splits) if 100 not in train]
    assert found.missing == [["virginica"] if f in lacking else [] for f in range(3)] and len(lacking) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cv": 60}, "cv=60 folds need 60 members of some class, got at most 50"),
        ({"cv": 1}, "cv must be at least 2 folds"),
        ({"cv": [(np.arange(50), np.arange(50, 60))]}, "fold 0 has not"),
        ({"cv": [(np.arange(150), [])]}, "none in fold 0"),
        ({"cv": [([0, 1], [150])]}, r"row indices in \[0, 150\)"),
        (
            {"cv": [(np.arange(75), np.arange(75, 150))], "sample_weight": np.repeat([1.0, 0.0], 75)},
            "sample_weight must not be zero in all rows held out, as it is in fold 0",
        ),
        ({"scoring": "luck"}, "luck"),
        ({"l2_values": [-1.0]}, "l2_values must be >= 0"),
        ({"l2_values": ["a"]}, "l2_values must be numbers"),
        ({"solver": "adam"}, "solver must be None or an exact solver"),
        ({"solver": sj.SGD()}, "solver must be None or an exact solver"),
    ],
)
def test_bad_input_is_named(iris, settings, words):
    with pytest.raises(ValueError, match=words):
        sj.cross_validate(*iris, **settings)


def test_what_is_printed_is_one_line_without_arrays(validated):
    assert "9 converged" in repr(validated) and "folds=3" in repr(validated)
    assert len(repr(validated)) < 250 and "\n" not in repr(validated) and "array" not in repr(validated)
