"""Any other file than a whole, unchanged model file is refused with words, fast, and runs nothing."""

from __future__ import annotations

import json
import os
import pickle
import random
import socket
import time

import numpy as np
import pytest
from stored_cases import make_cv, make_estimator, make_pipe, make_steps, same

from softmax_jax.model_files.files import ModelFileError, load, save
from softmax_jax.storage import container


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """The bytes of a valid file."""
    path = tmp_path_factory.mktemp("valid") / "model"
    save(make_estimator("float32"), path)
    return path.read_bytes()


def test_a_missing_file_is_a_file_not_found(path):
    with pytest.raises(FileNotFoundError, match="model.safetensors"):
        load(path)


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.relpath(tmp_path / "socket"))
    server.close()
    for other in (tmp_path, tmp_path / "pipe", tmp_path / "socket", "/dev/null", "/dev/zero"):
        start = time.monotonic()
        with pytest.raises(ModelFileError, match="not a regular file"):
            load(other)
        assert time.monotonic() - start < 5


class Marker:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_pickles_and_archives_are_refused_and_run_nothing(path, tmp_path):
    marker = str(tmp_path / "code ran")
    contents = {"pickle": pickle.dumps(Marker(marker)), "pickle 0": pickle.dumps(Marker(marker), 0)}
    np.savez(tmp_path / "z.npz", W=np.array([Marker(marker)], object))
    np.save(tmp_path / "z.npy", np.array([Marker(marker)], object))
    contents |= {"npz": (tmp_path / "z.npz").read_bytes(), "npy": (tmp_path / "z.npy").read_bytes()}
    contents |= {"text": b"not a model at all", "json": b'{"W": 1}', "short": b"\1"}
    for content in contents.values():
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match="Give a whole file that softmax_jax.save wrote"):
            load(path)
    assert not os.path.exists(marker)


def test_the_error_names_file_defect_and_remedy(path):
    path.touch()
    with pytest.raises(ModelFileError, match=r"model.safetensors' cannot be loaded: it is empty. Save the model again"):
        load(path)


def file_of(header, tensors=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + tensors


def tensor(shape, end, dtype="F64"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}


OURS = {"format": "softmax_jax", "format_version": "1"}
DEFECTS = {
    "a header of 2^63 bytes": (b"\0" * 7 + b"\x80" + b"{}", "truncated, or no safetensors"),
    "a header that is a list": (file_of([1]), "no safetensors"),
    "a header nested deeply": (file_of(b"[" * 100_000), "no safetensors"),
    "no texts": (file_of({"W": tensor([1], 8)}, bytes(8)), "softmax_jax did not write"),
    "texts of another program": (file_of({"__metadata__": {"format": "pt"}}), "softmax_jax did not write"),
    "no format version": (file_of({"__metadata__": {"format": "softmax_jax"}}), "format version is None"),
    "a format version of letters": (file_of({"__metadata__": OURS | {"format_version": "x"}}), "is 'x'"),
    "a later format": (
        file_of({"__metadata__": OURS | {"format_version": "5"}}),
        "has format 5; this version reads formats up to 4. Upgrade",
    ),
    "ten thousand billion numbers": (
        file_of({"__metadata__": OURS, "W": tensor([10**13], 8 * 10**13)}),
        "header declares 80000000",
    ),
    "a shape that is larger than its bytes": (
        file_of({"__metadata__": OURS, "W": tensor([10**13], 8)}, bytes(8)),
        "safetensors refuses it",
    ),
    "a tensor without offsets": (file_of({"__metadata__": OURS, "W": {"dtype": "F64", "shape": []}}), "not described"),
    "a dtype that is not used": (file_of({"__metadata__": OURS, "W": tensor([8], 8, "U8")}, bytes(8)), "dtype U8"),
    "no checksum": (file_of({"__metadata__": OURS, "W": tensor([1], 8)}, bytes(8)), "checksum"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_file_made_by_hand_is_refused(name, path):
    content, words = DEFECTS[name]
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=words):
        load(path)


def test_a_file_of_absurd_size_is_refused_before_it_is_read(path):
    content = file_of({"__metadata__": OURS, "W": tensor([1 << 40], 1 << 43)})
    with path.open("wb") as file:
        file.write(content)
        file.truncate(len(content) + (1 << 43))
    with pytest.raises(ModelFileError, match="more than any that save writes"):
        load(path)


def change(texts, name, **changes):
    texts[name] = json.dumps(json.loads(texts[name]) | changes)


NAN = np.full((4, 3), np.nan)
INCONSISTENT = {
    "five classes": lambda texts, tensors: change(texts, "classes", values=list("abcde")),
    "classes of numbers": lambda texts, tensors: change(texts, "classes", values=[1, 2, 3]),
    "classes wider than their dtype": lambda texts, tensors: change(texts, "classes", dtype="U1"),
    "classes of an absurd width": lambda texts, tensors: change(texts, "classes", dtype="U99999999"),
    "classes that overflow": lambda texts, tensors: change(texts, "classes", dtype="int8", values=[1, 2, 300]),
    "an unknown dtype": lambda texts, tensors: change(texts, "classes", dtype="V8"),
    "an unknown kind": lambda texts, tensors: texts.update(kind="neural network"),
    "no kind": lambda texts, tensors: texts.pop("kind"),
    "a text that is no JSON": lambda texts, tensors: texts.update(fitted="{"),
    "a number where a dict is due": lambda texts, tensors: texts.update(fitted="1"),
    "no hyperparameters": lambda texts, tensors: texts.pop("hyperparameters"),
    "an unknown hyperparameter": lambda texts, tensors: change(texts, "hyperparameters", C=1.0),
    "an unknown record": lambda texts, tensors: change(
        texts, "hyperparameters", solver={"record": "Popen", "fields": {"args": "ls"}}
    ),
    "a record with a wrong field": lambda texts, tensors: change(
        texts, "hyperparameters", solver={"record": "SGD", "fields": {"eta": -1.0}}
    ),
    "an unknown kind of value": lambda texts, tensors: change(texts, "hyperparameters", solver={"call": "f"}),
    "an empty dict": lambda texts, tensors: change(texts, "hyperparameters", solver={}),
    "a list": lambda texts, tensors: change(texts, "hyperparameters", solver=[1]),
    "a method as an attribute": lambda texts, tensors: change(texts, "fitted", coef_=1),
    "a private attribute": lambda texts, tensors: change(texts, "fitted", __class__=1),
    "other features": lambda texts, tensors: change(texts, "fitted", n_features_in_=5),
    "feature names of another number": lambda texts, tensors: texts.update(feature_names='["a"]'),
    "NaN in W": lambda texts, tensors: tensors.update(W=NAN),
    "another shape of W": lambda texts, tensors: tensors.update(W=NAN[:, :2]),
    "W of integers": lambda texts, tensors: tensors.update(W=np.zeros((4, 3), np.int64)),
    "no W": lambda texts, tensors: tensors.pop("W"),
    "a history of two dimensions": lambda texts, tensors: tensors.update(history=NAN),
    "a status that is a number": lambda texts, tensors: change(texts, "fitted", status_=1),
    "another tensor": lambda texts, tensors: tensors.update(V=NAN),
    "another text": lambda texts, tensors: texts.update(note='"x"'),
    "no mean": lambda texts, tensors: tensors.pop("mean"),
    "a mean of another length": lambda texts, tensors: tensors.update(mean=np.zeros(5)),
    "NaN in the scale": lambda texts, tensors: tensors.update(scale=np.full(4, np.nan)),
    "one step": lambda texts, tensors: change(texts, "preprocessing", steps=["a"]),
    "an unknown output": lambda texts, tensors: change(texts, "preprocessing", output="a frame"),
}


@pytest.mark.parametrize("name", INCONSISTENT)
def test_a_file_with_a_right_checksum_but_inconsistent_content_is_refused(name, path):
    save(make_pipe(), path)
    texts, tensors = container.read(path)
    INCONSISTENT[name](texts, tensors)
    container.write(path, texts, tensors)
    with pytest.raises(ModelFileError, match="its content is inconsistent"):
        load(path)


def change_step(texts, **changes):
    steps = json.loads(texts["steps"])
    texts["steps"] = json.dumps([steps[0], steps[1] | changes, *steps[2:]])


OF_STEPS = {
    "an unknown class": lambda texts, tensors: change_step(texts, **{"class": "FunctionTransformer"}),
    "a class of other attributes": lambda texts, tensors: change_step(texts, **{"class": "MaxAbsScaler"}),
    "an unknown hyperparameter": lambda texts, tensors: change_step(texts, hyperparameters={"func": "len"}),
    "a number that is not there": lambda texts, tensors: change_step(texts, numbers={}),
    "other features": lambda texts, tensors: change_step(texts, n_features_in=5),
    "another output": lambda texts, tensors: change_step(texts, output="html"),
    "no components": lambda texts, tensors: tensors.pop("step1_components_"),
    "fewer components": lambda texts, tensors: tensors.update(step1_components_=np.zeros((2, 4))),
    "NaN in the mean": lambda texts, tensors: tensors.update(step1_mean_=np.full(4, np.nan)),
    "a mean of integers": lambda texts, tensors: tensors.update(step1_mean_=np.zeros(4, np.int64)),
    "a tensor of a step too many": lambda texts, tensors: tensors.update(step9_mean_=np.zeros(4)),
    "a step less": lambda texts, tensors: texts.update(steps=json.dumps(json.loads(texts["steps"])[:1])),
}
OF_FOLDS = {
    "no path": lambda texts, tensors: texts.pop("path"),
    "a fold less": lambda texts, tensors: change(texts, "path", sizes=[[40, 20], [40, 20]]),
    "rows of other folds": lambda texts, tensors: change(texts, "path", sizes=[[41, 20], [40, 20], [40, 20]]),
    "negative sizes": lambda texts, tensors: change(texts, "path", sizes=[[-40, 20], [120, 20], [40, 20]]),
    "a status less": lambda texts, tensors: change(texts, "path", status=[["converged"] * 2] * 2),
    "scores of another shape": lambda texts, tensors: tensors.update(path_scores=np.zeros((3, 3))),
    "NaN in the parameters": lambda texts, tensors: tensors.update(path_W=np.full((3, 2, 4, 3), np.nan)),
    "other strengths": lambda texts, tensors: tensors.update(path_l2_values=np.zeros(3)),
    "an attribute of the class": lambda texts, tensors: change(texts, "fitted", fit=1),
}


@pytest.mark.parametrize(
    ("make", "tamper"),
    [*((make_steps, tamper) for tamper in OF_STEPS.values()), *((make_cv, tamper) for tamper in OF_FOLDS.values())],
    ids=[*OF_STEPS, *OF_FOLDS],
)
def test_steps_and_folds_of_inconsistent_content_are_refused(make, tamper, path):
    save(make(), path)
    assert same(load(path), make())
    texts, tensors = container.read(path)
    tamper(texts, tensors)
    container.write(path, texts, tensors, version=2)
    with pytest.raises(ModelFileError, match="its content is inconsistent"):
        load(path)


def test_a_field_of_the_checksum_that_changes_is_noticed(path):
    texts, tensors = {"a": "1", "b": "2"}, {"W": np.zeros((2, 3)), "b": np.zeros(3)}
    first = container.checksum(texts, tensors)
    assert container.checksum({"b": "2", "a": "1"}, dict(reversed(tensors.items()))) == first
    others = [
        ({"a": "1", "b": "3"}, tensors),
        ({"a": "1"}, tensors),
        (texts, tensors | {"W": np.zeros((3, 2))}),
        (texts, tensors | {"W": np.zeros((2, 3), np.int64)}),
        (texts, tensors | {"W": -np.zeros((2, 3))}),
        (texts, {"V": tensors["W"], "b": tensors["b"]}),
    ]
    assert len({first, *(container.checksum(*other) for other in others)}) == len(others) + 1


def mutated(content, rng):
    """The content with one to three random changes."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        # half of the changes go to the header, which is where a reader can be led astray
        at = rng.randrange(len(data) if rng.random() < 0.5 else min(len(data), 2000)) if data else 0
        match rng.randrange(6):
            case 0 if data:
                data[at] ^= 1 << rng.randrange(8)
            case 1 if data:
                data[at] = rng.randrange(256)
            case 2:
                del data[at:]
            case 3:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 4:
                data += rng.randbytes(rng.randrange(1, 9))
            case _:
                del data[at : at + rng.randrange(1, 9)]
    return bytes(data)


def test_a_damaged_file_is_refused_or_gives_the_identical_model(valid, path):
    path.write_bytes(valid)
    expected = load(path)
    rng = random.Random(0)
    refused = 0
    start = time.monotonic()
    for _ in range(3000):
        path.write_bytes(mutated(valid, rng))
        try:
            assert same(load(path), expected)
        except ModelFileError:
            refused += 1
    assert refused > 2900
    assert time.monotonic() - start < 20


def test_every_truncation_is_refused(valid, path):
    for length in range(0, len(valid), 7):
        path.write_bytes(valid[:length])
        with pytest.raises(ModelFileError):
            load(path)
