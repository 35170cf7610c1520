"""The ways through a map: every key is on one, each ends where the map says, and what is written is read again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.target import IvrSection, Leads, load_target
from harness.target.ivr_paths import SILENCE, WRONG_KEYS, all_ways, keys_to_language, read_way, way_to

MENUS = ("a", "b", "c", "d")
DEPARTMENTS = ("sales", "support")


@st.composite
def maps(draw: st.DrawFn) -> IvrSection:
    """Maps as they are accepted, cycles, menus reached twice and menus that only lead back among them."""
    names = MENUS[: draw(st.integers(1, len(MENUS)))]
    departments = [f"department:{name}" for name in DEPARTMENTS]
    anywhere = st.sampled_from([*(f"menu:{name}" for name in names), *departments, "language:es"])
    menus: list[dict[str, Any]] = []
    for position, name in enumerate(names):
        # Who presses nothing comes to a department in the end: menus give up only to later ones.
        later = [f"menu:{other}" for other in names[position + 1 :]]
        options = draw(st.dictionaries(st.sampled_from("123456*#"), anywhere, max_size=4))
        otherwise = draw(st.sampled_from([*departments, *later]))
        menus.append({"name": name, "prompt": f"p-{name}", "options": options, "otherwise": otherwise})
        if position:
            # Some menu before leads to it, by a key that is free: 7 to 9.
            menus[draw(st.integers(0, position - 1))]["options"][str(6 + position)] = f"menu:{name}"
    used = {to.partition(":")[2] for menu in menus for to in [*menu["options"].values(), menu["otherwise"]]}
    return IvrSection.model_validate(
        {
            "first": names[0],
            "menus": menus,
            "departments": {name: {"prompt": f"p-{name}"} for name in DEPARTMENTS if name in used},
        }
    )


@settings(deadline=None)
@given(maps())
def test_every_key_of_every_menu_is_on_a_way(ivr: IvrSection) -> None:
    taken = {(station.menu.name, station.does) for way in all_ways(ivr, "en") for station in way.stations}
    for menu in ivr.menus:
        assert {(menu.name, key) for key in menu.options} <= taken
        assert (menu.name, SILENCE) in taken
        assert (menu.name, WRONG_KEYS) in taken or not menu.wrong_key()


@settings(deadline=None)
@given(maps())
def test_ways_are_different_end_at_departments_and_read_as_written(ivr: IvrSection) -> None:
    ways = all_ways(ivr, "en")
    assert len({str(way) for way in ways}) == len(ways)
    for way in ways:
        assert read_way(ivr, str(way), "en") == way
        assert way.stations[-1].goes_to.leads is Leads.DEPARTMENT
        assert way.stations[-1].goes_to.name == way.department
        assert way.stations[0].menu.name == ivr.first
        for station, following in zip(way.stations, way.stations[1:], strict=False):
            assert ivr.after(station.goes_to) == following.menu


@settings(deadline=None)
@given(maps())
def test_a_chosen_language_holds_from_the_next_menu_on(ivr: IvrSection) -> None:
    for way in all_ways(ivr, "en"):
        language = "en"
        for station in way.stations:
            assert station.language == language
            language = station.goes_to.name if station.goes_to.leads is Leads.LANGUAGE else language
        assert way.language == language


@pytest.fixture(scope="module")
def ivr() -> IvrSection:
    return load_target("reference").ivr


def test_the_reference_map_has_fifteen_ways(ivr: IvrSection) -> None:
    ways = {str(way): (way.department, way.language) for way in all_ways(ivr, "en")}
    assert len(ways) == 15
    assert ways["3, 1"] == ("invoices", "en")
    assert ways["9, 3, 1"] == ("sales", "fr")
    assert ways["3, silence"] == ("operator", "en")
    assert ways["wrong keys"] == ("operator", "en")


def test_the_shortest_way_to_a_department_and_a_language(ivr: IvrSection) -> None:
    assert str(way_to(ivr, "payments", "es")) == "3, 2"
    assert str(way_to(ivr, "operator", "en")) == "0"
    assert way_to(ivr, "nobody", "en") is None
    stations = keys_to_language(ivr, "fr", "en")
    assert stations is not None
    assert [(s.menu.name, s.does) for s in stations] == [("main", "9"), ("languages", "3")]
    assert keys_to_language(ivr, "de", "en") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("3", "'3' does not end at a department"),
        ("1, 1", "goes on behind a department"),
        ("7", r"the menu 'main' has no key '7' \(it has 1, 2, 3, 9, 0\)"),
        ("9, 2", "does not end at a department"),
    ],
)
def test_ways_that_the_map_does_not_have(ivr: IvrSection, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_way(ivr, text, "en")
