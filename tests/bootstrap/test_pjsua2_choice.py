"""When pjsua2 is compiled, and when PyPI's wheel has to do."""

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.pjsua2_choice import decide


@pytest.mark.parametrize(
    ("wanted", "cached", "has_apt", "can_install", "missing", "build"),
    [
        # A root user on Debian, with nothing installed yet.
        ("", False, True, True, ["gcc"], True),
        # A plain user whose machine has the compiler.
        ("", False, True, False, [], True),
        # A plain user without one.
        ("", False, True, False, ["gcc", "swig"], False),
        # Not Debian.
        ("", False, False, False, ["gcc"], False),
        # Built before: nothing else matters.
        ("", True, False, False, ["gcc"], True),
        # The user's word counts for more than the cache.
        ("published", True, True, True, [], False),
        ("built", False, True, True, ["gcc"], True),
    ],
)
def test_decision(wanted, cached, has_apt, can_install, missing, build):
    choice = decide(wanted, cached=cached, has_apt=has_apt, can_install=can_install, missing=missing)
    assert choice.build is build


def test_the_reason_for_falling_back_names_what_is_missing():
    choice = decide("", cached=False, has_apt=True, can_install=False, missing=["gcc", "swig"])
    assert "gcc swig" in choice.reason
    assert "root" in choice.reason


def test_insisting_on_building_where_that_is_impossible_is_an_error():
    with pytest.raises(BootstrapError, match="can't be built"):
        decide("built", cached=False, has_apt=False, can_install=False, missing=["gcc"])


def test_an_unknown_wish_is_an_error_that_names_the_choices():
    with pytest.raises(BootstrapError) as caught:
        decide("opus", cached=True, has_apt=True, can_install=True, missing=[])
    assert "built or published" in caught.value.hint
