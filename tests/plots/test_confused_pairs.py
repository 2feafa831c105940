"""The most confused pairs of classes: counted, the most frequent first."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.plots import plot_confused_pairs
from softmax_jax.plots.confused_pairs import plot_confusion

TRUE = ["a", "a", "a", "a", "b", "b", "c"]
GUESS = ["a", "b", "b", "c", "b", "a", "c"]


def test_pairs_are_counted_and_the_most_frequent_is_on_top():
    ax = plot_confused_pairs(TRUE, GUESS)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a → b", "a → c", "b → a"]
    assert [bar.get_width() for bar in ax.patches] == [2, 1, 1]
    assert [text.get_text() for text in ax.texts] == ["50% of the class", "25% of the class", "50% of the class"]
    assert ax.get_title(loc="left") == "3 of 7 right: 0.4286; 4 of 4 mistakes are these"
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first one is above


def test_no_more_than_were_asked_for_are_shown():
    ax = plot_confused_pairs(TRUE, GUESS, most=1)
    assert len(ax.patches) == 1
    assert "2 of 4 mistakes" in ax.get_title(loc="left")


def test_where_there_are_no_mistakes_it_says_so():
    ax = plot_confused_pairs(TRUE, TRUE)
    assert [text.get_text() for text in ax.texts] == ["no mistakes"]
    assert ax.get_title(loc="left") == "7 of 7 right: 1.0000"


def test_of_few_classes_confusion_is_a_matrix_and_of_many_a_list():
    few, many = np.arange(30), np.arange(31)
    assert plot_confusion(few, few[::-1], few).get_images()
    ax = plot_confusion(many, np.roll(many, 1), many)
    assert not ax.get_images() and len(ax.patches) == 20


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("y_true and y_pred", lambda: plot_confused_pairs([1, 2], [1])),
        ("y_true and y_pred", lambda: plot_confused_pairs([], [])),
        ("most must be >= 1, got 0", lambda: plot_confused_pairs([1], [1], most=0)),
        ("classes must contain every label", lambda: plot_confused_pairs([1, 5], [1, 1], classes=[3, 1])),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(message, call):
    with pytest.raises(ValueError, match=message):
        call()
