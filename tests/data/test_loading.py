"""Readers of data: what is right is read exactly, what is wrong is refused with file, line and column."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from softmax_jax.data import NAMES, load_data, load_named, read_idx, read_images, read_table

GOOD = "length,width,species\n1.5,2,setosa\n-3e-2,4,virginica\n"


@pytest.fixture
def write(tmp_path: Path):
    """A function that writes a file and returns its path."""

    def write_file(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.mark.parametrize("name", NAMES)
def test_named_sets_hold_scikit_learns_numbers_and_class_names(name):
    data = load_data(name)
    bunch = getattr(datasets, f"load_{name}")()
    np.testing.assert_array_equal(data.X, bunch.data)
    np.testing.assert_array_equal(data.y, np.asarray(bunch.target_names)[bunch.target])
    assert data.X.dtype == np.float64
    assert len(data.feature_names) == data.X.shape[1]
    assert data.image_shape == ((8, 8) if name == "digits" else None)


def test_a_table_is_read_with_its_names_labels_and_exact_numbers(write):
    data = read_table(write(GOOD), "species")
    np.testing.assert_array_equal(data.X, [[1.5, 2], [-3e-2, 4]])
    assert data.y.tolist() == ["setosa", "virginica"]
    assert data.feature_names == ("length", "width")
    assert (data.name, data.X.dtype) == ("table", np.float64)


def test_numbers_survive_the_file_bit_for_bit(write, rng):
    X = rng.standard_normal((500, 3)) * 10.0 ** rng.integers(-30, 30, (500, 3))
    lines = [",".join([*map(repr, row), str(i % 2)]) for i, row in enumerate(X.tolist())]
    data = read_table(write("a,b,c,y\n" + "\n".join(lines)), "y")
    np.testing.assert_allclose(data.X, X, rtol=4e-16, atol=0)


@pytest.mark.parametrize(
    ("content", "name", "options"),
    [
        (GOOD.replace(",", "\t"), "t.tsv", {}),
        (GOOD.replace(",", ";"), "t.csv", {"delimiter": ";"}),
        ("\ufeff" + GOOD, "bom.csv", {}),
        (GOOD.replace(",", ", "), "spaces.csv", {}),
        (GOOD.replace("\n", "\r\n"), "windows.csv", {}),
        (GOOD.replace("\n", "\n\n"), "blank lines.csv", {}),
        (gzip.compress(GOOD.encode(), mtime=0), "t.csv.gz", {}),
        (GOOD.replace("1.5", '"1.5"'), "ünïcode.csv", {}),
        ('"length","width","species"\n1.5,2,"setosa"\n-3e-2,4,"virginica"', "quoted.csv", {}),
        ("species,length,width\nsetosa,1.5,2\nvirginica,-3e-2,4", "first.csv", {}),
    ],
)
def test_the_same_table_in_other_clothes_is_the_same_data(write, content, name, options):
    data = read_table(write(content, name), "species", **options)
    np.testing.assert_array_equal(data.X, [[1.5, 2], [-3e-2, 4]])
    assert data.y.tolist() == ["setosa", "virginica"]


def test_a_table_without_a_header_is_named_by_column_numbers(write):
    data = read_table(write("1,2,a\n3,4,b\n"), "2", header=False)
    np.testing.assert_array_equal(data.X, [[1, 2], [3, 4]])
    assert data.y.tolist() == ["a", "b"]
    assert data.feature_names == ("0", "1")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["NA", "None", "null"], ["NA", "None", "null"]),
        (["9007199254740993", "9007199254740992"], [9007199254740993, 9007199254740992]),
        (["-1", "7", "0"], [-1, 7, 0]),
        (["1.0", "2.0"], [1, 2]),
        (["007", "7"], ["007", "7"]),
        (["1e3", "x"], ["1e3", "x"]),
        (["True", "False"], ["True", "False"]),
        (["inf", "nan"], ["inf", "nan"]),
        (["123456789012345678901", "1"], ["123456789012345678901", "1"]),
    ],
)
def test_labels_keep_their_text_or_their_exact_integers(write, labels, expected):
    data = read_table(write("a,y\n" + "".join(f"1,{label}\n" for label in labels)), "y")
    assert data.y.tolist() == expected


def test_true_and_false_are_features_of_one_and_zero(write):
    data = read_table(write("a,b,y\nTrue,1,u\nFalse,0,v\n"), "y")
    np.testing.assert_array_equal(data.X, [[1, 1], [0, 0]])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b,y\n1,2,x\n1,,z\n", ["line 3", "'b'", "missing"]),
        ("a,b,y\n1,2,x\n1,NA,z\n", ["line 3", "'b'", "missing", "NA"]),
        ("a,b,y\n1,2,x\n1,2,\n", ["line 3", "'y'", "label is missing"]),
        ("a,b,y\n1,2,x\n1,2\n", ["line 3", "expected 3 fields, got 2"]),
        ("a,b,y\n1,2,x\n1\n", ["line 3", "expected 3 fields, got 1"]),
        ("a,b,y\n1,2,x\n1,2,z,9\n", ["line 3", "expected 3 fields, got 4"]),
        ("a,b,y\n1,2,x,9\n1,2,z,9\n", ["line 2", "expected 3 fields, got 4"]),
        ("a,b,y\n1,2,x,\n1,2,z\n", ["line 2", "expected 3 fields, got 4"]),
        ("a;b;y\n1;2;x\n", ["1 column", "';'", "--delimiter"]),
        ("a\tb\ty\n1\t2\tx\n", ["1 column", "a tab"]),
        ("y\nx\n", ["1 column"]),
        ("a,b,y\n1,red,x\n2,blue,z\n", ["line 2", "'b'", "number", "'red'"]),
        ('a,b,y\n1,"2,5",x\n1,2,z\n', ["line 2", "'b'", "'2,5'", "--decimal ','"]),
        ("a,b,y\n1,2,x\n\n1,1e400,z\n", ["line 4", "'b'", "finite", "1e400"]),
        ("a,b,y\n1,-inf,x\n1,2,z\n", ["line 2", "'b'", "finite"]),
        ("a,b,y\n1,1_000,x\n1,2,z\n", ["line 2", "'b'", "1_000"]),
        ("a,a,y\n1,2,x\n", ["'a'", "more than once"]),
        (",a,y\n0,2,x\n1,3,z\n", ["column 1 has no name"]),
        ("", ["is empty"]),
        ("\n\n", ["is empty"]),
        ("a,b,y\n", ["no rows"]),
        ("a,b,y\n1,2\0,x\n", ["line 2", "'b'", "x00"]),
        ("a,b,y\n1,2,x\0\n", ["NUL"]),
        ("a,b,y\n1,2,0.5\n1,2,1.7\n", ["target", "'y'", "continuous"]),
        ("a,b,z\n1,2,x\n", ["target", "'y'", "columns: a, b, z"]),
        ("a,b,Y\n1,2,x\n", ["target", "'y'"]),
        ('a,b,y\n1,"2,x\n1,2,z\n', ["line 3", "expected 3 fields, got 2"]),
        ('a,b,y\n1,2,"x\n1,2,z\n', ["cannot be read"]),
        (GOOD.encode("utf-16"), ["UTF-16", "UTF-8"]),
        ("a,b,y\n1,2,caf\xe9\n".encode("latin-1"), ["not UTF-8", "0xe9"]),
        (gzip.compress(("a,y\n" + "1,x\n2,z\n" * 9).encode(), mtime=0)[:-12], ["ends early"]),
        (gzip.compress(b"a,y\n1,x\n", mtime=0)[:12] + b"\xff" * 30, []),
    ],
)
def test_a_broken_table_is_refused_by_file_place_and_reason(write, content, words):
    path = write(content)
    with pytest.raises(ValueError, match="table.csv") as caught:
        read_table(path, "y")
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_misspelt_target_is_answered_with_the_column_that_was_meant(write):
    with pytest.raises(ValueError, match="Did you mean 'species'"):
        read_table(write(GOOD), "specis")


def test_a_missing_target_is_answered_with_the_columns(write):
    with pytest.raises(ValueError, match="length, width, species"):
        read_table(write(GOOD), None)


def test_a_header_of_numbers_is_suspected_to_be_data(write):
    with pytest.warns(UserWarning, match="no-header"):
        data = read_table(write("1,2,3\n4,5,6\n7,8,9\n"), "3")
    assert data.X.shape == (2, 2)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("iriss", ["Did you mean 'iris'", "digits"]),
        ("no/such.csv", ["there is no"]),
        (".", ["folder"]),
        ("data.weird", ["another ending"]),
    ],
)
def test_an_unknown_source_is_answered_with_what_there_is(write, tmp_path, monkeypatch, source, words):
    write(GOOD, "data.weird")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="DATA must be") as caught:
        load_data(source, "y")
    for word in words:
        assert word in str(caught.value)


def test_a_named_set_refuses_a_target_and_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="target"):
        load_data("iris", "species")
    with pytest.raises(ValueError, match="got 'mnist'"):
        load_named("mnist")


def _idx(values: np.ndarray, code: int) -> bytes:
    sizes = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, code, values.ndim]) + sizes + values.tobytes()


PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) * 10
DIGITS = np.array([7, 3], np.uint8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("code", "dtype"), [(8, ">u1"), (9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
)
def test_idx_files_of_every_type_are_read_plain_and_gzipped(write, pack, code, dtype):
    values = np.arange(-3, 9).reshape(3, 2, 2).astype(dtype)
    found = read_idx(write(pack(_idx(values, code)), "values"))
    np.testing.assert_array_equal(found, values)
    assert found.dtype == values.dtype.newbyteorder("=")


def test_images_become_rows_of_pixels_between_zero_and_one(write):
    data = read_images(write(_idx(PIXELS, 8), "t10k-images-idx3-ubyte"), write(_idx(DIGITS, 8), "labels"))
    np.testing.assert_array_equal(data.X, PIXELS.reshape(2, 12).astype(np.float32) / np.float32(255))
    assert data.y.tolist() == [7, 3]
    assert (data.X.dtype, data.image_shape, data.name) == (np.float32, (3, 4), "t10k")
    assert data.feature_names[:2] == ("pixel_0", "pixel_1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG\r\n", "not an IDX file"),
        (_idx(PIXELS, 8)[:10], "header"),
        (_idx(PIXELS, 8)[:-1], "24 bytes.*only 23"),
        (_idx(PIXELS, 8) + b"x", "24 bytes.*more"),
        (b"\0\0\x08\x03" + b"\xff" * 12 + b"abc", "only 3"),
        (gzip.compress(_idx(PIXELS, 8), mtime=0)[:-12], "gzip|early"),
        (gzip.compress(b"x" * 1000, mtime=0)[:10] + b"\xff" * 30, "gzip|early"),
    ],
)
def test_a_broken_idx_file_is_refused_by_name_and_reason(write, content, words):
    path = write(content, "images.idx")
    with pytest.raises(ValueError, match=f"images.idx.*({words})"):
        read_idx(path)


@pytest.mark.parametrize(
    ("pixels", "labels", "words"),
    [
        (PIXELS, DIGITS[:1], "2 and 1"),
        (DIGITS, DIGITS, "images must have 2 or more dimensions"),
        (PIXELS, PIXELS, "labels must be 1-d"),
        (PIXELS[:0], DIGITS[:0], "at least one pixel"),
    ],
)
def test_images_and_labels_that_do_not_belong_together_are_refused(write, pixels, labels, words):
    images = write(_idx(pixels, 8), "images")
    with pytest.raises(ValueError, match=words):
        read_images(images, write(_idx(labels, 8), "labels"))


def test_a_missing_idx_file_is_a_value_error_with_its_name(tmp_path):
    with pytest.raises(ValueError, match="nothing-here"):
        read_idx(tmp_path / "nothing-here")
