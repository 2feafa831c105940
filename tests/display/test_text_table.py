"""Tables for print: aligned, the first column to the left, nothing trails."""

from __future__ import annotations

from softmax_jax.display.text_table import aligned, text_table


def test_columns_are_as_wide_as_their_longest_word():
    lines = text_table(("name", "n"), [("a", "10"), ("a long one", "2"), ("", "7")]).splitlines()
    assert lines == ["name         n", "a           10", "a long one   2", "             7"]


def test_words_wider_than_their_column_move_what_follows():
    assert aligned(("abc", "d"), (1, 2)) == "abc   d"
