"""The ways through a front door's map: what callers do in each menu, and where that leads them.

A way is written as what is done in one menu after the other: ``3, 1`` is two keys; ``silence`` is to press nothing
until the menu gives up, ``wrong keys`` to press one that it does not have until it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.target.ivr import Destination, IvrMenu, IvrSection, Leads

SILENCE = "silence"
WRONG_KEYS = "wrong keys"
_BETWEEN = ", "


@dataclass(frozen=True, slots=True)
class Station:
    """A menu as a caller comes to it, in the language that they hear, and what they do there."""

    menu: IvrMenu
    language: str
    does: str

    @property
    def goes_to(self) -> Destination:
        """Where that leads."""
        return self.menu.options.get(self.does, self.menu.otherwise)


@dataclass(frozen=True, slots=True)
class Way:
    """From the first menu to a department. ``language`` is the caller's at its end."""

    stations: tuple[Station, ...]
    department: str
    language: str

    def __str__(self) -> str:
        return _BETWEEN.join(station.does for station in self.stations)


def read_way(ivr: IvrSection, text: str, language: str) -> Way:
    """The way that ``text`` writes, begun in ``language``. Raises ValueError when it does not end at a department."""
    return _follow(ivr, text.split(_BETWEEN), language)


def way_to(ivr: IvrSection, department: str, language: str) -> Way | None:
    """The way of fewest keys to a department, None when no keys lead there; in the language it began in."""
    keys = _keys_to(ivr, ivr.menu(ivr.first), lambda to: to == Destination(Leads.DEPARTMENT, department))
    return None if keys is None else _follow(ivr, keys, language)


def keys_to_language(ivr: IvrSection, wanted: str, language: str) -> tuple[Station, ...] | None:
    """What to do to hear the first menu in ``wanted``, None when it cannot be chosen."""
    keys = _keys_to(ivr, ivr.menu(ivr.first), lambda to: to == Destination(Leads.LANGUAGE, wanted))
    return None if keys is None else tuple(_stations(ivr, keys, language))


def all_ways(ivr: IvrSection, language: str) -> list[Way]:
    """Every way through the map, each once: all keys that lead to departments by way of no menu twice; each key
    that changes the language or leads back, and then the shortest way on; in each menu silence and wrong keys."""
    visited: dict[str, tuple[str, ...]] = {}
    written: dict[str, None] = {}
    begins: tuple[IvrMenu, tuple[str, ...]] | None = (ivr.menu(ivr.first), ())
    while begins is not None:
        for done in _walks(ivr, *begins, frozenset(), visited):
            written.setdefault(_BETWEEN.join(done))
        begins = _behind_silence(ivr, visited)
    return [read_way(ivr, text, language) for text in written]


def _behind_silence(ivr: IvrSection, visited: dict[str, tuple[str, ...]]) -> tuple[IvrMenu, tuple[str, ...]] | None:
    """A menu that no keys have led to yet, only another one that gave up; and what was done up to it."""
    for name, done in visited.items():
        following = ivr.after(ivr.menu(name).otherwise)
        if following is not None and following.name not in visited:
            return following, (*done, SILENCE)
    return None


def _walks(
    ivr: IvrSection,
    menu: IvrMenu,
    done: tuple[str, ...],
    above: frozenset[str],
    visited: dict[str, tuple[str, ...]],
) -> Iterator[tuple[str, ...]]:
    """What callers may do from ``menu`` on, after what they have ``done``; ``above`` are the menus that led here.

    ``visited`` are the menus that ways have come to, each with what was done up to it.
    """
    here = above | {menu.name}
    first_time = menu.name not in visited
    visited.setdefault(menu.name, done)
    for key, to in menu.options.items():
        following = ivr.after(to)
        if following is None:
            yield (*done, key)
            continue
        back = to.leads is Leads.LANGUAGE or following.name in here
        onward = [] if back else list(_walks(ivr, following, (*done, key), here, visited))
        if not onward and first_time:
            onward = [(*done, key, *_shortest(ivr, following))]
        yield from onward
    if first_time:
        gives_up = ivr.after(menu.otherwise)
        rest = () if gives_up is None else _shortest(ivr, gives_up)
        yield (*done, SILENCE, *rest)
        if menu.wrong_key():
            yield (*done, WRONG_KEYS, *rest)


def _shortest(ivr: IvrSection, menu: IvrMenu) -> tuple[str, ...]:
    """The fewest keys from a menu to any department; silence where no keys lead to one."""
    keys = _keys_to(ivr, menu, lambda to: to.leads is Leads.DEPARTMENT)
    if keys is not None:
        return keys
    following = ivr.after(menu.otherwise)
    return (SILENCE,) if following is None else (SILENCE, *_shortest(ivr, following))


def _keys_to(ivr: IvrSection, menu: IvrMenu, arrived: Callable[[Destination], bool]) -> tuple[str, ...] | None:
    """The fewest keys from a menu to what ``arrived`` says, without a change of language on the way."""
    waiting: list[tuple[IvrMenu, tuple[str, ...]]] = [(menu, ())]
    seen = {menu.name}
    for here, done in waiting:
        for key, to in here.options.items():
            if arrived(to):
                return (*done, key)
        for key, to in here.options.items():
            if to.leads is Leads.MENU and to.name not in seen:
                seen.add(to.name)
                waiting.append((ivr.menu(to.name), (*done, key)))
    return None


def _follow(ivr: IvrSection, done: Sequence[str], language: str) -> Way:
    stations = tuple(_stations(ivr, done, language))
    end = stations[-1].goes_to if stations else None
    if end is None or end.leads is not Leads.DEPARTMENT:
        raise ValueError(f"the way {_BETWEEN.join(done)!r} does not end at a department")
    return Way(stations, end.name, stations[-1].language)


def _stations(ivr: IvrSection, done: Sequence[str], language: str) -> Iterator[Station]:
    menu: IvrMenu | None = ivr.menu(ivr.first)
    for does in done:
        if menu is None:
            raise ValueError(f"the way {_BETWEEN.join(done)!r} goes on behind a department")
        if does not in (SILENCE, WRONG_KEYS, *menu.options):
            raise ValueError(f"the menu {menu.name!r} has no key {does!r} (it has {', '.join(menu.options)})")
        station = Station(menu, language, does)
        yield station
        to = station.goes_to
        language = to.name if to.leads is Leads.LANGUAGE else language
        menu = ivr.after(to)
