"""Metrics are scikit-learn's, where it has them; labels that the model does not know count as wrong."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from softmax_jax.calibration import expected_calibration_error
from softmax_jax.runs.metrics import indices, measure, measure_blocks, told

RNG = np.random.default_rng(0)
CLASSES = np.array(list("abcdefg"))
Y = CLASSES[RNG.integers(0, 6, 200)]  # no row is of g
O = RNG.dirichlet(np.ones(7), 200) + 0.5 * (Y[:, None] == CLASSES)
O /= O.sum(axis=1, keepdims=True)


def test_the_numbers_are_those_of_scikit_learn():
    found, predicted = measure(O, Y, CLASSES), CLASSES[O.argmax(axis=1)]
    assert found.accuracy == sk.accuracy_score(Y, predicted)
    assert found.top5 == sk.top_k_accuracy_score(Y, O, k=5, labels=CLASSES)
    recalls = sk.recall_score(Y, predicted, labels=np.unique(Y), average=None)
    assert found.balanced_accuracy == pytest.approx(recalls.mean())
    assert found.macro_f1 == pytest.approx(sk.f1_score(Y, predicted, average="macro", zero_division=0))
    assert found.log_loss == pytest.approx(sk.log_loss(Y, O, labels=CLASSES))
    at = np.searchsorted(CLASSES, Y)
    assert found.calibration_error == expected_calibration_error(O, at, classes=np.arange(7))
    report = sk.classification_report(Y, predicted, output_dict=True, zero_division=0)
    for row in found.per_class:
        theirs = report[row["class"]]
        numbers = [theirs["precision"], theirs["recall"], theirs["f1-score"], theirs["support"]]
        assert [row["precision"], row["recall"], row["f1"], row["rows"]] == pytest.approx(numbers)
        assert row["predicted"] == (predicted == row["class"]).sum()


def test_classes_may_be_in_any_order():
    order = RNG.permutation(7)
    expected, found = measure(O, Y, CLASSES), measure(O[:, order], Y, CLASSES[order])
    assert found.per_class == expected.per_class
    assert found[1:7] == pytest.approx(expected[1:7])


def test_labels_that_the_model_does_not_know_count_as_wrong():
    y = np.where(np.arange(200) < 20, "zebra", Y)
    found = measure(O, y, CLASSES)
    assert found.unknown == ["zebra"] and "zebra" in told(found)["unknown"]
    assert found.accuracy == (CLASSES[O.argmax(axis=1)] == y).mean()
    assert found.log_loss == pytest.approx(sk.log_loss(Y[20:], O[20:], labels=CLASSES))
    assert found.per_class[-1] == {"class": "zebra", "precision": 0, "recall": 0, "f1": 0, "rows": 20, "predicted": 0}
    strangers = measure(O, np.full(200, "zebra"), CLASSES)
    assert np.isnan(strangers.log_loss) and strangers.accuracy == 0 and "log loss" not in told(strangers)


def test_few_classes_have_no_top_5_and_a_probability_of_zero_a_finite_loss():
    found = measure(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), np.arange(2))
    assert found.top5 is None and "top-5 accuracy" not in told(found)
    assert np.isfinite(found.log_loss) and found.accuracy == 0.5


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="a label for each of n >= 1 rows"):
        measure(O, Y[:3], CLASSES)
    with pytest.raises(ValueError, match="a row for each of the n >= 1 labels, got 200 for 3"):
        measure_blocks([O[:3], O[3:]], Y[:3], CLASSES)


def test_rows_that_come_in_blocks_have_the_same_metrics():
    y = np.where(np.arange(200) < 20, "zebra", Y)
    assert measure_blocks(iter([O[:7], O[7:150], O[150:]]), y, CLASSES) == measure(O, y, CLASSES)


def test_places_of_labels():
    at, known = indices(np.array([3, 1, 7]), np.array([5, 1, 3]))
    assert at.tolist() == [2, 1, 0] and known.tolist() == [True, True, False]
