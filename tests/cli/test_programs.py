"""The command line keeps compiled programs in a folder that is the user's alone, and nowhere else."""

import os
import stat

import jax
import pytest

from softmax_jax.cli import run
from softmax_jax.cli.programs import FOLDER, kept_programs

CACHE = "jax_compilation_cache_dir"


@pytest.fixture
def no_cache_of_the_tests(monkeypatch):
    before = jax.config.jax_compilation_cache_dir
    jax.config.update(CACHE, None)
    yield
    jax.config.update(CACHE, before)
    jax.experimental.compilation_cache.compilation_cache.reset_cache()


@pytest.mark.usefixtures("no_cache_of_the_tests")
def test_programs_are_kept_and_the_settings_are_as_before_afterwards(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path / "programs"))
    with kept_programs(True):
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "programs")
        jax.jit(lambda x: x * 1.25)(2.0)
    assert jax.config.jax_compilation_cache_dir is None
    assert any((tmp_path / "programs").iterdir())
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "programs").stat().st_mode) == 0o700


@pytest.mark.usefixtures("no_cache_of_the_tests")
@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_folder_that_others_may_write_to_is_not_used(tmp_path, monkeypatch, capsys):
    tmp_path.chmod(0o777)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with kept_programs(True):
        assert jax.config.jax_compilation_cache_dir is None
    assert "others may write to it" in capsys.readouterr().err


@pytest.mark.usefixtures("no_cache_of_the_tests")
def test_a_folder_that_cannot_be_made_is_told_of_and_nothing_fails(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER, str(tmp_path / "file" / "programs"))
    with kept_programs(True):
        assert jax.config.jax_compilation_cache_dir is None
    assert "not kept" in capsys.readouterr().err


@pytest.mark.usefixtures("no_cache_of_the_tests")
@pytest.mark.parametrize("wanted", [True, False])
def test_none_where_none_is_wanted(monkeypatch, wanted, tmp_path):
    monkeypatch.setenv(FOLDER, "" if wanted else str(tmp_path / "programs"))
    with kept_programs(wanted):
        assert jax.config.jax_compilation_cache_dir is None
        assert jax.config.jax_enable_compilation_cache == wanted
    assert jax.config.jax_enable_compilation_cache
    assert not (tmp_path / "programs").exists()


def test_a_folder_that_the_user_gave_to_jax_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path / "programs"))
    mine = jax.config.jax_compilation_cache_dir
    assert mine is not None  # that of the tests
    with kept_programs(True):
        assert jax.config.jax_compilation_cache_dir == mine
    assert not (tmp_path / "programs").exists()


@pytest.mark.usefixtures("no_cache_of_the_tests")
@pytest.mark.parametrize("more", [[], ["--no-cache"]])
def test_fit_keeps_programs_unless_told_not_to(tmp_path, monkeypatch, more):
    folder = tmp_path / "programs"
    monkeypatch.setenv(FOLDER, str(folder))
    assert run(["fit", "iris", "--out", str(tmp_path / "out"), *more]) == 0
    assert folder.exists() == (not more)
