"""A call whose 200 nobody acknowledges: it takes the 32 s of RFC 3261's timers, during which other tests run."""

from __future__ import annotations

from tests.independent.conftest import Between, assert_all_played
from tests.independent.sipp import Sipp


def test_call_that_is_never_acknowledged(unacknowledged: tuple[Between, list[Sipp]]) -> None:
    slow, parties = unacknowledged
    assert_all_played(parties)
    slow.is_idle()
    # After 0.5, 1.5, 3.5 s, then every 4 s; on a busy machine perhaps one less.
    assert parties[1].got("SIP/2.0 200", "2 INVITE") in (10, 11)
