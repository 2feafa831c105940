"""Decimal and thousands signs: what is given is applied strictly, and a hint names the option that reads the column."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from softmax_jax.data import load_data, load_features, read_table
from softmax_jax.data.numerals import TextFormat


@pytest.fixture
def write(tmp_path):
    def write_file(lines: list[str], name: str = "t.csv") -> str:
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(tmp_path / name)

    return write_file


WAYS = {
    "thousands": (['"1,234"', "900", '"-1,234,567.5"'], {"thousands": ","}, [1234, 900, -1234567.5]),
    "decimal comma": (['"1,234"', "900", '"-0,5e3"'], {"decimal": ","}, [1.234, 900, -500]),
    "both": (['"1.234,5"', "900", '"12.345.678,25"'], {"decimal": ",", "thousands": "."}, [1234.5, 900, 12345678.25]),
    "spaces": (["1 234", "900", "-1 234 567.5"], {"thousands": " "}, [1234, 900, -1234567.5]),
    "narrow spaces": (["1\u202f234", "900", "7\u202f000"], {"thousands": "\u202f"}, [1234, 900, 7000]),
    "Swiss": (["1'234.5", "900", "0.5"], {"thousands": "'"}, [1234.5, 900, 0.5]),
    "not grouped": (["1234", "900", '"1,234"'], {"thousands": ","}, [1234, 900, 1234]),
    "beyond 64 bits": (["123456789012345678901", "1.5", "2"], {}, [123456789012345678901.0, 1.5, 2]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_numbers_written_in_other_ways_are_read_as_what_they_are(way, delimiter, write):
    cells, options, expected = WAYS[way]
    path = write(["y,a,b".replace(",", delimiter), *(delimiter.join((f"k{i}", c, "1")) for i, c in enumerate(cells))])
    data = load_data(path, "y", delimiter=delimiter, **options)
    np.testing.assert_array_equal(data.X, np.c_[expected, np.ones(3)])
    assert read_table(path, "y", delimiter=delimiter, **options).X.tolist() == data.X.tolist()
    assert load_features(path, ("b", "a"), delimiter=delimiter, **options).X[:, 1].tolist() == expected


def test_a_table_of_semicolons_and_decimal_commas_is_read_whole(write, rng):
    X = rng.standard_normal((50, 3))
    lines = [";".join(f"{value:.17g}".replace(".", ",") for value in row) + f";{i % 2},0" for i, row in enumerate(X)]
    data = load_data(write(["a;b;c;y", *lines]), "y", delimiter=";", decimal=",", drop=["c"])
    np.testing.assert_allclose(data.X, X[:, :2], rtol=4e-16)
    np.testing.assert_array_equal(data.y, np.arange(50) % 2)
    assert data.y.dtype == np.int64


@pytest.mark.parametrize(
    ("cells", "delimiter", "options", "hint"),
    [
        (['"1,234"', "900"], ",", {}, "'1,234'; --thousands ',' reads it"),
        (['"1,234,567"', '"2,000"'], ",", {}, "--thousands ',' reads it"),
        (['"1,234.5"', '"2,000"'], ",", {}, "--thousands ',' reads it"),
        (['"2,5"', "900"], ",", {}, "--decimal ',' reads it"),
        (['"1,234"', "12345"], ",", {}, "--decimal ',' reads it"),
        (['"0,123"', '"1,234"'], ",", {}, "--decimal ',' reads it"),
        (['"1,234"', '"5,678"'], ",", {}, "--thousands ',' for thousands or --decimal ',' for decimals reads it"),
        (["1,234", "900"], ";", {}, "--decimal ',' reads it"),
        (["1,234,567", "900"], ";", {}, "--thousands ',' reads it"),
        (['"1.234,5"', "900"], ",", {}, "--decimal ',' --thousands '.' reads it"),
        (["1 234", "900"], ",", {}, "--thousands ' ' reads it"),
        (["1'234", "900"], ",", {}, '--thousands "\'" reads it'),
        (["1.234,5", "9,5"], ";", {"decimal": ","}, "'1.234,5'; --thousands '.' reads it"),
        (['"2,5"', "9"], ",", {"thousands": ","}, "'2,5'; --decimal ',' without --thousands reads it"),
        (["1.5", "9"], ";", {"decimal": ","}, "'1.5'; --decimal '.' reads it"),
        (["1,23,4", "900"], ";", {}, "--drop a leaves a column out"),
        (["1,5", "red"], ";", {}, "--drop a leaves a column out"),
        (["red", "1,5"], ";", {}, "'red'; --drop a leaves a column out"),
    ],
)
def test_the_hint_names_the_option_that_reads_the_whole_column(cells, delimiter, options, hint, write):
    lines = ["a,y".replace(",", delimiter), *(f"{cell}{delimiter}k{i}" for i, cell in enumerate(cells))]
    with pytest.raises(ValueError, match="expected a number") as caught:
        load_data(write(lines), "y", delimiter=delimiter, **options)
    assert hint in str(caught.value)


@pytest.mark.parametrize("cell", ["2,5", "1,23", "12,34,567", "1,2345", "0,123", ",123", "1,234,", "1,,234"])
def test_a_sign_between_other_than_three_digits_is_never_dropped(cell):
    assert TextFormat(thousands=",").plain(cell) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"decimal": ",", "thousands": ","}, "decimal and thousands must differ"),
        ({"decimal": ""}, "decimal must be one character"),
        ({"thousands": "1"}, "thousands must be a sign"),
        ({"decimal": "-"}, "decimal must be a sign"),
        ({"thousands": ".,"}, "thousands must be one character"),
        ({"thousands": "."}, "decimal and thousands must differ"),
    ],
)
def test_signs_that_are_none_are_refused(options, words, write):
    with pytest.raises(ValueError, match=words):
        load_data(write(["a,y", "1,u", "2,v"]), "y", **options)


SPELLINGS = [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")]


@pytest.mark.parametrize(("there", "asked"), SPELLINGS)
@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
def test_a_header_is_found_in_either_unicode_spelling(there, asked, kind, write, tmp_path):
    names = [unicodedata.normalize(there, name) for name in ("größe", "Höhe", "nötig", "für")]
    size, height, drop, target = (unicodedata.normalize(asked, name) for name in ("größe", "Höhe", "nötig", "für"))
    if kind == "csv":
        path = write([",".join(names), "1.5,2,x,u", "3,4,x,v"])
        data = load_data(path, target, drop=[drop], weights=height)
    elif kind == "parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        path = str(tmp_path / "t.parquet")
        columns = dict(zip(names, ([1.5, 3.0], [2.0, 4.0], ["x", "x"], ["u", "v"]), strict=True))
        pq.write_table(pa.table(columns), path)
        data = load_data(path, target, drop=[drop], weights=height)
        from softmax_jax.data import open_rows

        assert open_rows(path, columns=[size, height]).shape == (2, 2)
    else:
        path = str(tmp_path / "t.npz")
        np.savez(path, X=[[1.5], [3]], feature_names=names[:1], **{names[1]: [2, 4], names[3]: ["u", "v"]})
        data = load_data(path, target, weights=height)
    assert (data.X.tolist(), data.y.tolist(), data.weights.tolist()) == ([[1.5], [3]], ["u", "v"], [2, 4])
    found = load_features(path, (size,))
    assert (found.X.tolist(), found.by_position) == ([[1.5], [3]], False)


def test_two_spellings_of_one_name_are_the_same_name_twice(write):
    lines = ["\u00e9,e\u0301,y", "1,2,u", "3,4,v"]
    with pytest.raises(ValueError, match="occurs more than once"):
        load_data(write(lines), "y")
