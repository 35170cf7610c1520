"""The file with the people of a platform by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessMisuse
from simulators.whatsapp import people
from simulators.whatsapp.people import Reaction
from simulators.whatsapp.people_file import BusinessTable, UserTable, load_people


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "people.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_sample() -> None:
    found = load_people()
    assert [business.made().country for business in found.businesses] == ["ES", "GB"]
    hours = found.businesses[1].made().call_hours
    assert hours is not None and len(hours.weekly) == 5
    assert [user.made().country for user in found.users] == ["ES", "GB", "ES"]


def test_every_setting_of_a_person_can_be_written() -> None:
    assert set(BusinessTable.model_fields) == set(people.BusinessNumber.__dataclass_fields__)
    behaviour = set(people.Behaviour.__dataclass_fields__)
    assert set(UserTable.model_fields) == set(people.WhatsAppUser.__dataclass_fields__) - {"behaviour"} | behaviour


def test_a_users_behaviour(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[[businesses]]\nnumber = "+34910000001"\n'
        '[[users]]\nnumber = "+34600000001"\nreaction = "declines"\nafter_s = 7\n',
    )
    user = load_people(path).users[0].made()
    assert (user.behaviour.reaction, user.behaviour.after_s) == (Reaction.DECLINES, 7)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", r"the key 'businesses' is missing"),
        ("businesses = []", "businesses"),
        ('[[businesses]]\nnumber = "12"', r"people.toml:1: .*'12' is no E.164 number"),
        ('[[businesses]]\nnumber = "+34910000001"\nnane = "x"', r"toml:3: unknown key .*did you mean 'name'"),
        ('[[businesses]]\nnumber = "+34910000001"\n[[users]]\nprofile_name = "x"', "needs a number or a user id"),
        ('[[businesses]]\nnumber = "+34910000001"\n[businesses.call_hours]\ntimezone = "Mars"', "no time zone 'Mars'"),
        (
            '[[businesses]]\nnumber = "+34910000001"\n[businesses.call_hours]\ntimezone = "UTC"\n'
            'weekly = [{ day = "someday", opens = 09:00:00, closes = 10:00:00 }]',
            "'someday' is no day",
        ),
        ('[[businesses]]\nnumber = "+34910000001"\n' * 2, "occurs twice"),
        ('[[businesses]]\nnumber = "+34910000001"\ncountry = "Spain"', "country"),
        ("[[businesses", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(HarnessMisuse, match=error) as caught:
        load_people(written(tmp_path, text))
    assert "\n" not in str(caught.value)
