"""Fields in a line are counted as Python's csv module counts them, whatever the blocks in which bytes come."""

from __future__ import annotations

import csv
import io

import pytest

from softmax_jax.data import fields, load_data
from softmax_jax.data.fields import all_lines_have

pd = pytest.importorskip("pandas")

REGULAR = [
    "a,b,c\n1,2,3\n",
    "a,b,c\n1,2,3",
    "a,b,c\r\n1,2,3\r\n",
    "\n\na,b,c\n\n\n1,2,3\n\n",
    "\r\n\r\na,b,c\r\n\r\n1,2,3",
    '"a","b",c\n"1,5","2\n3","say ""no"""\n',
    'a,b,c\n"","",""\n',
    '"a",b,"c"\n1,2,3\n\n"1,\n\n2",3,4\n',
    ",,\n,,\n",
    "\ufeffä,ö,ü\n1,2,3\n",
]
WRONG = [
    "a,b,c\n1,2\n",
    "a,b,c\n1,2,3,\n",
    "a,b,c\n1,2\n1,2,3,4\n",
    "a,b,c\n,\n,,,\n",
    'a,b,c\n"1,2",3\n',
    "a,b\n1,2\n",
]
SLOW = ['a,b,c\n1"0,2,3\n', "a,b,c\r1,2,3\r", 'a,b,c\n1,2,"3\n', 'a,b,c\n1, "2,3", 4\n']


@pytest.mark.parametrize("size", [3, 7, 1 << 18])
@pytest.mark.parametrize("text", [*REGULAR, *WRONG])
def test_lines_are_regular_where_the_csv_module_says_so(text, size, monkeypatch):
    monkeypatch.setattr(fields, "_BLOCK", size)
    counts = {len(row) for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")) if row}
    assert all_lines_have(io.BytesIO(text.encode()), 3, ",") == (counts == {3})


@pytest.mark.parametrize("text", SLOW)
def test_what_is_not_plain_is_left_to_the_slow_reader(text):
    assert not all_lines_have(io.BytesIO(text.encode()), 3, ",")


def test_random_texts_are_never_taken_for_regular_where_they_are_not(rng, monkeypatch):
    monkeypatch.setattr(fields, "_BLOCK", 5)
    regular = 0
    for _ in range(3000):
        text = "".join(rng.choice(list('x,,\n"'), rng.integers(1, 14)))
        found = all_lines_have(io.BytesIO(text.encode()), 2, ",")
        counts = {len(row) for row in csv.reader(io.StringIO(text, newline="")) if row}
        regular += found
        assert not found or counts <= {2}, text
    assert regular > 50


def test_text_that_is_not_utf8_is_told_even_at_the_end_of_a_block(monkeypatch):
    monkeypatch.setattr(fields, "_BLOCK", 4)
    assert all_lines_have(io.BytesIO("aäö,ü\n".encode()), 2, ",")
    for content in ("a,é\n".encode("latin-1"), "a,ü".encode()[:-1]):
        with pytest.raises(UnicodeDecodeError):
            all_lines_have(io.BytesIO(content), 2, ",")


def test_a_file_without_line_breaks_is_given_up_early(monkeypatch):
    monkeypatch.setattr(fields, "_BLOCK", 1 << 10)
    monkeypatch.setattr(fields, "_LONGEST", 1 << 12)
    content = io.BytesIO(b"x" * (1 << 20))
    assert not all_lines_have(content, 2, ",")
    assert content.tell() <= 1 << 13


def test_a_mixed_column_of_many_rows_names_the_cell(tmp_path):
    lines = ["0.123456789,1"] * 300_000
    lines[-2] = "red,1"
    (tmp_path / "t.csv").write_text("a,y\n" + "\n".join(lines))
    with pytest.raises(ValueError, match="line 300000, column 'a': expected a number, got 'red'"):
        load_data(str(tmp_path / "t.csv"), "y")
