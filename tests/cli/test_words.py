"""Messages of the library name options where they named arguments, and leave what the user wrote alone."""

from __future__ import annotations

import pytest

from softmax_jax.cli.words import in_options, spoken

SAID = {
    "The 'max_iter' parameter must be >= 1. Got 0 instead.": "--max-iter must be >= 1. Got 0 instead.",
    "target must name the column of labels in t.csv": "--target must name the column of labels in t.csv",
    "labels is for .npy; give the column by target (--target).": "--labels is for .npy; give the column by --target.",
    "column 'y' may be labels; say target='y'": "column 'y' may be labels; say --target 'y'",
    "Raise max_iter, or raise l2 or tol.": "Raise --max-iter, or raise --l2 or --tol.",
    "(duality gap 0.1 against tol=1e-06)": "(duality gap 0.1 against --tol 1e-06)",
    "X_val must have 4 features.": "--val must have 4 features.",
    "y_val: y must hold the labels of y_val": "--val: the labels of DATA must hold the labels of --val",
    "or test=0 (--test 0) to train on all rows": "or --test 0 to train on all rows",
    "linear_probe does (standardise=True)": "linear_probe does (leave out --no-standardise)",
    "X contains NaN, first in row 3.": "DATA contains NaN, first in row 3.",
    "eta selects gradient descent and needs solver='sgd'": "--eta selects gradient descent and needs --solver 'sgd'",
    "every must be None where there is no folder": "--every must be left out where there is no folder",
}


@pytest.mark.parametrize("said", SAID)
def test_arguments_become_options(said):
    assert in_options(said) == SAID[said]
    assert in_options(SAID[said]) == SAID[said]  # said once more, nothing is doubled


@pytest.mark.parametrize(
    "said",
    [
        "max_iter.csv: no such column 'max_iter'; columns: 'target', 'labels'.",
        "data/target/test.npy: it holds labels of the test.",
        "l2 = 0.1 was given, not tuned.",
        "no such column; columns: a, sample_weight, max_iter.",
        "give a text file of their labels by --labels.",
        "--test-file must be given once for each DATA, got 2 for 1.",
    ],
)
def test_what_is_quoted_a_path_or_english_stays(said):
    assert in_options(said) == said


def test_a_context_says_which_option_it_is():
    with pytest.raises(ValueError, match=r"^v\.npy: give its labels by --val-labels\.$"), spoken(labels="--val-labels"):
        raise ValueError("v.npy: give its labels by labels (--labels).")
    with pytest.raises(TypeError, match="^--val-labels must be a path"), spoken(labels="--val-labels"):
        raise TypeError("labels must be a path.")


@pytest.mark.parametrize(
    "message",
    [
        "test holds 3 labels, but X in a.npy has 4 rows.",
        "lr=0.1 tol=1e-3/x.npy is cut short.",
        "got SGD(eta=0.5, epochs=100, minibatches=None).",
        "'max_iter' says of a fit that it ran out of iterations.",
    ],
)
def test_files_records_and_statuses_are_no_arguments(message):
    assert in_options(message) == message
