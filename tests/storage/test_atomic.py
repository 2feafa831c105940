"""A file is the old one or the new one, whatever stops the writing; and nothing else is left beside it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from softmax_jax.storage import atomic
from softmax_jax.storage.atomic import write_atomically

OLD, NEW = b"old" * 1000, b"new" * 1001


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a file.bin"
    path.write_bytes(OLD)
    return path


def test_the_parts_replace_the_file_and_nothing_is_left_beside_it(path):
    write_atomically(path, NEW[:5], memoryview(NEW)[5:])
    assert path.read_bytes() == NEW
    assert os.listdir(path.parent) == [path.name]


def test_any_path_that_the_system_takes_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("plain", b"bytes", "\u00fc \u6f22\n", "x" * 255):
        write_atomically(name, NEW)
        with open(name, "rb") as file:
            assert file.read() == NEW


def test_a_symbolic_link_stays_a_link(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(path)
    write_atomically(link, NEW)
    assert link.is_symlink()
    assert path.read_bytes() == NEW


def test_a_new_file_has_the_ordinary_permissions(tmp_path):
    (tmp_path / "ordinary").touch()
    write_atomically(tmp_path / "new", NEW)
    assert stat.filemode((tmp_path / "new").stat().st_mode) == stat.filemode((tmp_path / "ordinary").stat().st_mode)


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), PermissionError(errno.EACCES, "denied"), KeyboardInterrupt()],
)
def test_a_failure_at_any_step_leaves_the_old_file_alone(path, monkeypatch, step, error):
    def fail(*args, **kwargs):
        raise error

    home = atomic if step == "open" else os
    monkeypatch.setattr(home, step, fail, raising=False)
    with pytest.raises(type(error)):
        write_atomically(path, NEW)
    monkeypatch.undo()
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == [path.name]
    assert not atomic._writing


def test_a_file_that_grows_beyond_the_limit_leaves_the_old_file_alone(path):
    code = (
        "import resource, signal, sys; from softmax_jax.storage.atomic import write_atomically;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000));"
        "write_atomically(sys.argv[1], b'x' * 1000000)"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60)
    assert "OSError: [Errno 27]" in result.stderr
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("folder", ["missing", "a file.bin"])
def test_a_missing_directory_is_named_by_the_path_given_and_not_by_a_file_of_ours(path, folder, monkeypatch):
    monkeypatch.chdir(path.parent)
    for given in (os.path.join(folder, "model"), path.parent / folder / "model"):
        with pytest.raises(OSError, match="is not there") as caught:
            write_atomically(given, NEW)
        assert caught.value.filename == os.fsdecode(given)
        assert str(path.parent / folder) in str(caught.value) and ".tmp" not in str(caught.value)
    assert os.listdir(path.parent) == [path.name]


def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ""):
        with pytest.raises(OSError, match="not a regular file"):
            write_atomically(tmp_path / name, NEW)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_kill_at_any_moment_leaves_a_whole_file_and_the_next_write_cleans_up(path):
    code = (
        "import sys; from softmax_jax.storage.atomic import write_atomically\n"
        "old, new = b'old' * 1000000, b'new' * 1000000\n"
        "write_atomically(sys.argv[1], old); print(flush=True)\n"
        "while True: write_atomically(sys.argv[1], new); write_atomically(sys.argv[1], old)"
    )
    left = 0
    for i in range(12):
        with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.003 * i)
            child.send_signal(signal.SIGKILL)
        assert path.read_bytes() in (b"old" * 1000000, b"new" * 1000000)
        left += len(os.listdir(path.parent)) - 1
    assert left > 0, "no kill came while writing"
    write_atomically(path, NEW)
    assert os.listdir(path.parent) == [path.name]


def test_only_temporary_files_of_processes_that_are_gone_are_removed(path):
    prefix = atomic._own_prefix()
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        pass
    names = {
        f"{prefix}{gone.pid}-{'0' * 16}.tmp": False,
        f"{prefix}{os.getpid()}-{'1' * 16}.tmp": False,  # an earlier process of the same id
        f"{prefix}{os.getpid()}-{'2' * 16}.tmp": True,  # another thread's
        f"{prefix}{os.getppid()}-{'3' * 16}.tmp": True,
        f"{atomic._PREFIX}another.host-{gone.pid}-{'4' * 16}.tmp": True,
        f"{prefix}{gone.pid}.tmp": True,
        "model.tmp": True,
    }
    for name in names:
        (path.parent / name).touch()
    atomic._writing.add(str(path.parent / f"{prefix}{os.getpid()}-{'2' * 16}.tmp"))
    with contextlib.ExitStack() as stack:
        stack.callback(atomic._writing.clear)
        write_atomically(path, NEW)
    kept = {name for name, stays in names.items() if stays}
    assert set(os.listdir(path.parent)) == kept | {path.name}


def test_the_content_is_on_disk_before_the_rename_and_the_rename_before_the_return(path, monkeypatch):
    steps = []
    sync, replace = os.fsync, os.replace

    def recorded_sync(descriptor):
        steps.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else os.fstat(descriptor).st_size)
        sync(descriptor)

    def recorded_replace(*names):
        steps.append("rename")
        replace(*names)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    write_atomically(path, NEW)
    assert steps == [len(NEW), "rename", "directory"]


@pytest.mark.parametrize(("code", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_only_a_directory_that_cannot_be_synchronised_is_let_pass(path, monkeypatch, code, raised):
    sync = os.fsync

    def fail_on_directories(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, "no")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_on_directories)
    with pytest.raises(OSError, match="no") if raised else contextlib.nullcontext():
        write_atomically(path, NEW)
    assert path.read_bytes() == NEW
