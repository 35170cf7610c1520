"""Players outlive their last use, because pjmedia may still call them."""

import gc
import weakref

import pytest

pytest.importorskip("pjsua2")

from simulators.phones import audio
from simulators.phones.audio import RetiredPlayers


class Player:
    """Something that can be told to be gone."""


def test_a_player_is_kept_for_its_time_and_then_dropped(monkeypatch):
    now = 10.0
    monkeypatch.setattr(audio, "monotonic", lambda: now)
    retired = RetiredPlayers()
    players = []
    for now in (10.0, 10.2):  # noqa: B007 - the clock above reads it
        player = Player()
        players.append(weakref.ref(player))
        retired.add(player)
        del player

    def alive():
        retired.let_go()
        gc.collect()
        return [player() is not None for player in players]

    assert alive() == [True, True]
    now = 10.0 + RetiredPlayers.KEPT_S
    assert alive() == [False, True]
    now = 10.2 + RetiredPlayers.KEPT_S
    assert alive() == [False, False]
