"""How the media engine of the light phones comes into being."""

from pathlib import Path

import pytest

from bootstrap import apt, light_media, light_media_recipe
from bootstrap.command import Commands
from bootstrap.errors import BootstrapError
from bootstrap.venv import Venv


def test_a_machine_without_a_compiler_leaves_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRUNKPROOF_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(apt, "can_install", lambda: False)
    with pytest.raises(BootstrapError, match="it needs gcc"):
        light_media.ensure(Venv(tmp_path), lambda line: None, Commands())
    assert not list((tmp_path / "trunkproof/light-media").iterdir())


def test_other_sources_are_another_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("engine.h", "wheel.c", "build.py"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(light_media_recipe, "SOURCES", tmp_path)
    hashes = [light_media_recipe.source_hash()]
    for name in ("engine.h", "wheel.c", "build.py", "more.c"):
        (tmp_path / name).write_text("changed")
        hashes.append(light_media_recipe.source_hash())
    assert len(set(hashes)) == 5
    (tmp_path / "settings.py").write_text("Python's face of it is not compiled")
    assert light_media_recipe.source_hash() == hashes[-1]
