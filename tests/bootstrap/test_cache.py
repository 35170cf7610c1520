"""The cache holds finished things only, whatever happens while they are made."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bootstrap import cache


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRUNKPROOF_CACHE", str(tmp_path))


def test_the_directory_comes_from_the_first_variable_that_is_set(monkeypatch, tmp_path: Path):
    assert cache.cache_dir() == tmp_path / "trunkproof"
    monkeypatch.delenv("TRUNKPROOF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_dir() == tmp_path / "xdg" / "trunkproof"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.cache_dir() == tmp_path / "home" / ".cache" / "trunkproof"


def test_the_recipe_hash_depends_on_content_and_not_on_order():
    assert cache.recipe_hash({"a": 1, "b": [2]}) == cache.recipe_hash({"b": [2], "a": 1})
    assert cache.recipe_hash({"a": 1}) != cache.recipe_hash({"a": 2})


def test_what_is_built_appears_at_once_under_the_name_that_the_build_returns(tmp_path: Path):
    def build(directory: Path) -> str:
        (directory / "content").write_text("whole")
        assert not (tmp_path / "thing-1").exists()
        return "thing-1"

    assert cache.publish(tmp_path, build) == tmp_path / "thing-1"
    assert (tmp_path / "thing-1" / "content").read_text() == "whole"


def test_a_failed_build_leaves_nothing(tmp_path: Path):
    def build(directory: Path) -> str:
        (directory / "half").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cache.publish(tmp_path / "things", build)
    assert list((tmp_path / "things").iterdir()) == []


_KILLED_BUILD = """
import os, signal, sys
from pathlib import Path
from bootstrap import cache

def build(directory):
    (directory / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)

with cache.lock("things"):
    cache.publish(Path(sys.argv[1]), build)
"""


def test_what_a_killed_build_left_is_not_taken_for_finished_and_goes_with_the_next_build(tmp_path: Path):
    things = tmp_path / "things"
    killed = subprocess.run([sys.executable, "-c", _KILLED_BUILD, str(things)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in things.glob("[!.]*")] == []
    assert len(list(things.iterdir())) == 1

    with cache.lock("things"):
        cache.publish(things, lambda directory: "done")

    assert [path.name for path in things.iterdir()] == ["done"]


def test_the_second_comer_is_told_that_it_waits_and_then_gets_the_lock():
    waiting, entered = threading.Event(), threading.Event()

    def second() -> None:
        with cache.lock("one", waiting.set):
            entered.set()

    thread = threading.Thread(target=second)
    with cache.lock("one"):
        thread.start()
        assert waiting.wait(5)
        assert not entered.is_set()
    assert entered.wait(5)
    thread.join(5)


def test_removing_a_tree_that_is_not_there_is_no_error(tmp_path: Path):
    cache.remove_tree(tmp_path / "never")
    assert list(tmp_path.iterdir()) == []
