"""When a virtual environment counts as up to date."""

from pathlib import Path

import pytest

from bootstrap.venv import Venv


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return Venv(tmp_path)


def filled(venv: Venv, key: str) -> None:
    venv.python.parent.mkdir(parents=True)
    venv.python.touch()
    venv.stamp(key)


def test_it_is_current_only_for_what_it_was_stamped_with(venv: Venv):
    key = venv.key("", "2.17-cp311-abc")
    assert not venv.is_current({key})
    filled(venv, key)
    assert venv.is_current({key})
    assert not venv.is_current({venv.key("[test]", "2.17-cp311-abc")})
    assert not venv.is_current({venv.key("", "2.18-cp311-abc")})


def test_a_changed_project_file_or_a_new_package_needs_another_install(venv: Venv):
    key = venv.key("", "x")
    (venv.repository / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    changed = venv.key("", "x")
    assert changed != key
    (venv.repository / "reports").mkdir()
    (venv.repository / "reports" / "__init__.py").touch()
    assert venv.key("", "x") != changed


def test_without_its_stamp_or_its_python_it_is_not_current(venv: Venv):
    key = venv.key("", "x")
    filled(venv, key)
    venv.unstamp()
    assert not venv.is_current({key})
    venv.stamp(key)
    venv.python.unlink()
    assert not venv.is_current({key})


def test_an_extra_is_what_the_project_file_says(venv: Venv):
    (venv.repository / "pyproject.toml").write_text("[project.optional-dependencies]\npesq = ['pesq==0.0.4']\n")
    assert venv.extra("pesq") == ["pesq==0.0.4"]
