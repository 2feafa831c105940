"""Scores of rows held out, against scikit-learn's metrics given all classes and the weights, and against its fits."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    d2_log_loss_score,
    f1_score,
    get_scorer,
    log_loss,
    make_scorer,
    roc_auc_score,
    top_k_accuracy_score,
)
from sklearn.model_selection import GroupKFold, LeaveOneOut, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import softmax_jax as sj
from softmax_jax.estimators.base import SoftmaxClassifier
from softmax_jax.estimators.scoring import held_out_score, routed

RNG = np.random.default_rng(0)
X, Y = load_iris(return_X_y=True)
WEIGHT = RNG.uniform(0.1, 5, 150)
CLASSES = np.array(["a", "b", "c", "d"])
MODEL = SoftmaxClassifier.of(sj.Params(RNG.standard_normal((4, 4)), RNG.standard_normal(4)), CLASSES)
LABELS = CLASSES[np.r_[Y[:149], 3]]  # one row of class d
ROWS = np.r_[0:20, 60:90, 100:140]  # holds none of it
O = MODEL.predict_proba(X[ROWS])
HELD = LABELS[ROWS]


def score(scoring, rows=ROWS, model=MODEL, labels=LABELS, classes=CLASSES, **metadata):
    return held_out_score(scoring, classes, metadata.get("sample_weight"), metadata)(X[rows], labels, rows)(model)


def mean_roc_auc(weight=None, average="macro"):
    """One against the rest by the definition: the share of pairs in the right order, over the classes that occur."""
    s = np.ones(len(HELD)) if weight is None else weight
    areas, shares = [], []
    for j in np.flatnonzero(np.isin(CLASSES, HELD)):
        inside = CLASSES[j] == HELD
        pairs = np.outer(s[inside], s[~inside])
        difference = O[inside, j][:, None] - O[~inside, j]
        areas.append((pairs * ((difference > 0) + 0.5 * (difference == 0))).sum() / pairs.sum())
        shares.append(s[inside].sum())
    return np.average(areas, weights=shares if average == "weighted" else None)


def roc_auc_of_pairs(s):
    """One against one: for each two classes that occur, the mean of both columns' area over rows of the two."""
    areas = []
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        rows = np.isin(HELD, CLASSES[[i, j]])
        of = [roc_auc_score(HELD[rows] == CLASSES[c], O[rows, c]) for c in (i, j)]
        areas.append(np.mean(of))
    return np.mean(areas)


PROBABILITY_SCORES = {
    "neg_log_loss": lambda s: -log_loss(HELD, O, labels=CLASSES, sample_weight=s),
    "neg_brier_score": lambda s: -brier_score_loss(HELD, O, labels=CLASSES, sample_weight=s),
    "d2_log_loss_score": lambda s: d2_log_loss_score(HELD, O, labels=CLASSES, sample_weight=s),
    "top_k_accuracy": lambda s: top_k_accuracy_score(HELD, O, k=2, labels=CLASSES, sample_weight=s),
    "roc_auc_ovr": mean_roc_auc,
    "roc_auc_ovr_weighted": functools.partial(mean_roc_auc, average="weighted"),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", PROBABILITY_SCORES)
def test_a_score_of_probabilities_knows_a_class_without_rows(scoring, weighted):
    metadata = {"sample_weight": WEIGHT} if weighted else {}
    assert not (HELD == "d").any()
    expected = PROBABILITY_SCORES[scoring](WEIGHT[ROWS] if weighted else None)
    assert score(scoring, **metadata) == pytest.approx(expected, rel=1e-12)


def test_one_against_one_is_a_mean_over_the_classes_that_occur():
    assert score("roc_auc_ovo") == pytest.approx(roc_auc_of_pairs(None), rel=1e-12)


def test_two_classes_of_one_kind_are_scored_with_the_last_as_positive():
    model = SoftmaxClassifier.of(sj.Params(MODEL.params_.W[:, :2], MODEL.params_.b[:2]), CLASSES[:2])
    labels = CLASSES[Y.clip(max=1)]
    P = model.predict_proba(X[:10])
    only = {"labels": labels, "classes": CLASSES[:2], "model": model, "rows": np.arange(10)}
    assert score("neg_log_loss", **only) == pytest.approx(np.log(P[:, 0]).mean(), rel=1e-12)
    assert score("neg_brier_score", **only) == pytest.approx(-np.mean(P[:, 1] ** 2), rel=1e-12)


def test_a_curve_of_one_kind_of_rows_is_undefined_and_not_a_number():
    assert np.isnan(score("roc_auc_ovr", rows=np.arange(5)))


def test_a_scorer_of_labels_and_a_scorer_told_its_classes_stay_as_they_are():
    assert score("f1_macro") == f1_score(HELD, MODEL.predict(X[ROWS]), average="macro")
    two = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba", labels=CLASSES)
    assert score(two) == pytest.approx(-log_loss(HELD, O, labels=CLASSES))


def weighted_mean(model, X, y, sample_weight=None):
    return np.average(model.predict(X) == y, weights=sample_weight)


SCORERS = {
    "accuracy": lambda y, P, s: accuracy_score(y, P.argmax(axis=1), sample_weight=s),
    "balanced_accuracy": lambda y, P, s: balanced_accuracy_score(y, P.argmax(axis=1), sample_weight=s),
    "neg_log_loss": lambda y, P, s: -log_loss(y, P, sample_weight=s),
    "f1_macro": lambda y, P, s: f1_score(y, P.argmax(axis=1), average="macro", sample_weight=s),
    "roc_auc_ovr": lambda y, P, s: roc_auc_score(y, P, multi_class="ovr", sample_weight=s),
    None: lambda y, P, s: accuracy_score(y, P.argmax(axis=1), sample_weight=s),
    weighted_mean: lambda y, P, s: accuracy_score(y, P.argmax(axis=1), sample_weight=s),
}
L2 = 0.1
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


@functools.cache
def scikit_learns_folds(class_weight=None):
    """Labels, probabilities and weights held out, of scikit-learn's fits."""
    found = []
    for train, test in FOLDS.split(X, Y):
        of_rows = WEIGHT[train] * (1 if class_weight is None else np.array(class_weight)[Y[train]])
        model = LogisticRegression(C=1 / (L2 * of_rows.sum()), tol=1e-10, max_iter=5000).fit(
            X[train], Y[train], of_rows
        )
        found.append((Y[test], model.predict_proba(X[test]), WEIGHT[test]))
    return found


def chosen(scoring, **parameters):
    return sj.SoftmaxRegressionCV(l2_values=[L2], cv=FOLDS, scoring=scoring, tol=1e-10, **parameters)


@pytest.mark.parametrize("scoring", SCORERS)
def test_every_scorer_that_takes_weights_is_given_them(scoring):
    model = chosen(scoring).fit(X, Y, sample_weight=WEIGHT)
    expected = [SCORERS[scoring](*fold) for fold in scikit_learns_folds()]
    np.testing.assert_allclose(model.scores_[:, 0], expected, rtol=1e-4)
    plain = [SCORERS[scoring](y, P, None) for y, P, _ in scikit_learns_folds()]
    assert np.abs(model.scores_[:, 0] - plain).max() > 1e-3


def test_class_weights_are_not_weights_of_the_scores():
    model = chosen("neg_log_loss", class_weight={0: 1.0, 1: 5.0, 2: 0.2}).fit(X, Y, sample_weight=WEIGHT)
    expected = [SCORERS["neg_log_loss"](*fold) for fold in scikit_learns_folds((1.0, 5.0, 0.2))]
    np.testing.assert_allclose(model.scores_[:, 0], expected, rtol=1e-4)


def test_a_scorer_that_takes_no_weights_says_so():
    plain = make_scorer(lambda y, predicted: np.mean(y == predicted))
    with pytest.warns(UserWarning, match="takes no sample_weight: all rows held out count the same"):
        assert routed(plain, FOLDS, WEIGHT, {}) == ({}, {})


def requested(scoring, **names):
    return get_scorer(scoring).set_score_request(**names)


def test_a_scorer_is_given_what_it_requested():
    other = RNG.uniform(0, 1, 150)
    with config_context(enable_metadata_routing=True):
        given, _ = routed(requested("accuracy", sample_weight=True), FOLDS, WEIGHT, {})
        assert given["sample_weight"] is WEIGHT
        assert routed(requested("accuracy", sample_weight=False), FOLDS, WEIGHT, {}) == ({}, {})
        given, _ = routed(requested("accuracy", sample_weight="other"), FOLDS, WEIGHT, {"other": other})
        assert given["sample_weight"] is other
        _, of_splitter = routed(None, GroupKFold(3), WEIGHT, {"groups": other})
        assert of_splitter["groups"] is other


def test_weights_that_a_scorer_neither_requested_nor_refused_are_refused():
    with config_context(enable_metadata_routing=True):
        with pytest.raises(ValueError, match="sample_weight.* not explicitly set as requested"):
            routed(get_scorer("accuracy"), FOLDS, WEIGHT, {})
        with pytest.raises(TypeError, match="other"):
            routed(requested("accuracy", sample_weight=True), FOLDS, WEIGHT, {"other": WEIGHT})
    with pytest.raises(ValueError, match=r"params \(other\) need scikit-learn's set_config"):
        routed("accuracy", FOLDS, WEIGHT, {"other": WEIGHT})


def test_the_estimator_routes_weights_and_groups_through_a_pipeline():
    groups = np.arange(150) % 6
    with config_context(enable_metadata_routing=True):
        scorer = requested("accuracy", sample_weight=True)
        model = sj.SoftmaxRegressionCV(l2_values=[L2], cv=GroupKFold(3), scoring=scorer, tol=1e-10)
        model.set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        pipeline.fit(X, Y, sample_weight=WEIGHT, groups=groups)
    path = pipeline[-1].path_
    for f, (train, test) in enumerate(path.splits):
        assert not set(groups[train]) & set(groups[test])
        Z = StandardScaler().fit_transform(X)[test] @ path.params.W[f, 0] + path.params.b[f, 0]
        assert path.scores[f, 0] == pytest.approx(np.average(Z.argmax(axis=1) == Y[test], weights=WEIGHT[test]))


def test_the_issues_example_agrees_with_scikit_learn():
    X, y = np.arange(12.0)[:, None], np.array([0] * 5 + [1] * 5 + [2] * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        scores = sj.cross_validate(X, y, [0.1], cv=3, scoring="neg_log_loss", tol=1e-9).scores[:, 0]
        splits = list(StratifiedKFold(3).split(X, y))
    np.testing.assert_allclose(scores, [-0.383, -0.314, -0.499], atol=1e-3)
    for (train, test), found in zip(splits, scores, strict=True):
        theirs = LogisticRegression(C=1 / (0.1 * len(train)), tol=1e-10, max_iter=10000).fit(X[train], y[train])
        expected = -log_loss(y[test], theirs.predict_proba(X[test]), labels=[0, 1, 2])
        assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "top_k_accuracy"])
def test_one_row_at_a_time_is_scored(scoring):
    X, y = np.arange(12.0)[:, None], np.array([0] * 5 + [1] * 5 + [2] * 2)
    found = sj.cross_validate(X, y, [0.1], cv=LeaveOneOut(), scoring=scoring)
    P = np.empty((12, 3))
    for i in range(12):
        rows = np.arange(12) != i
        P[i] = LogisticRegression(C=1 / 1.1, tol=1e-10, max_iter=10000).fit(X[rows], y[rows]).predict_proba(X[[i]])
    if scoring == "neg_log_loss":
        np.testing.assert_allclose(found.scores[:, 0], np.log(P[np.arange(12), y]), atol=3e-3)
    else:
        right = (np.argsort(P, axis=1)[:, 1:] == y[:, None]).any(axis=1)
        np.testing.assert_array_equal(found.scores[:, 0], right)


def test_a_score_that_no_fold_defines_has_no_best():
    X, y = np.arange(12.0)[:, None], np.array([0] * 5 + [1] * 5 + [2] * 2)
    found = sj.cross_validate(X, y, [0.1], cv=LeaveOneOut(), scoring="roc_auc_ovr")
    assert np.isnan(found.scores).all()
    with pytest.raises(ValueError, match="scoring gave NaN for every strength"):
        _ = found.best
