"""What the wheel's cache key depends on."""

import pytest

from bootstrap import pjsua2_recipe
from bootstrap.errors import BootstrapError
from bootstrap.pjsua2_build import read_version


def test_every_limit_is_in_the_header_and_in_the_recipe(monkeypatch: pytest.MonkeyPatch):
    before = pjsua2_recipe.recipe()
    assert "#define PJSUA_MAX_CALLS 512\n" in pjsua2_recipe.config_site()
    monkeypatch.setitem(pjsua2_recipe.LIMITS, "PJSUA_MAX_CALLS", 4)
    assert "#define PJSUA_MAX_CALLS 4\n" in pjsua2_recipe.config_site()
    assert pjsua2_recipe.recipe() != before


def test_another_release_of_the_system_needs_another_wheel(monkeypatch: pytest.MonkeyPatch):
    recipes = set()
    for release in ("12", "13"):
        monkeypatch.setattr(
            pjsua2_recipe.platform,
            "freedesktop_os_release",
            lambda release=release: {"ID": "debian", "VERSION_ID": release},
        )
        recipes.add(pjsua2_recipe.recipe())
    assert len(recipes) == 2


def test_the_version_is_read_with_and_without_a_revision():
    text = "export PJ_VERSION_MAJOR  := 2\nexport PJ_VERSION_MINOR  := 17\nexport PJ_VERSION_REV    :={}\n"
    assert read_version(text.format("")) == "2.17"
    assert read_version(text.format(" 3")) == "2.17.3"


def test_a_source_without_a_version_is_an_error():
    with pytest.raises(BootstrapError):
        read_version("nothing of the kind\n")
