"""What all phones and calls of a process use, and how pjsua2's callbacks stay inside Python."""

from __future__ import annotations

import functools
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pjsua2 as pj

from harness.messages import Event
from simulators.phones.audio import BridgeClock, RetiredPlayers
from simulators.phones.endpoint import PhoneEndpoint

if TYPE_CHECKING:
    from simulators.phones.call import PhoneCall

CallbackT = TypeVar("CallbackT", bound=Callable[..., Any])


def guarded(callback: CallbackT) -> CallbackT:
    """Keep exceptions inside Python: one that reaches pjsua2's C++ ends the process without a word."""

    @functools.wraps(callback)
    def call(self: Any, *arguments: Any) -> Any:
        try:
            return callback(self, *arguments)
        except Exception as error:  # noqa: BLE001
            traceback.print_exc(file=sys.stderr)
            self.shared.failed = self.shared.failed or error
            return None

    return call  # type: ignore[return-value]


@dataclass
class Shared:
    """What all phones and calls of a process use.

    ``calls`` are those that have not ended, by name; ``tasks`` go on by one step
    in each turn of the loop; ``retired`` are players that calls have done with; ``failed`` is the first
    exception in a callback. ``incoming`` counts the calls that came to each phone, also to one that was
    switched off and on again: its recordings stay.
    """

    endpoint: PhoneEndpoint
    directory: Path
    silence: pj.AudioMediaPlayer
    clock: BridgeClock
    emit: Callable[[Event], None]
    calls: dict[str, PhoneCall] = field(default_factory=dict)
    tasks: list[Iterator[None]] = field(default_factory=list)
    retired: RetiredPlayers = field(default_factory=RetiredPlayers)
    failed: Exception | None = None
    incoming: Counter[str] = field(default_factory=Counter)
