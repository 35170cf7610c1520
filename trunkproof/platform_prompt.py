"""What is typed at a platform: acting as its users, and moving its clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from harness.errors import HarnessMisuse
from harness.messages import Event
from harness.process import Simulator
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.protocol import (
    AnswerRequest,
    ChangeInProfile,
    ChatMessageKind,
    MessageDelivered,
    MoveClock,
    PermissionAnswer,
    WriteToBusiness,
)

HELP = (
    "USER allows · USER allows always · USER declines · USER permits · USER revokes · USER writes TEXT · "
    "clock +8d · help · quit"
)
ANSWERS = {
    "allows": PermissionAnswer.ALLOW,
    "allows always": PermissionAnswer.ALLOW_ALWAYS,
    "declines": PermissionAnswer.DECLINE,
}
PROFILE = {"permits": True, "revokes": False}
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MOST_S = 100 * 365 * UNITS_S["d"]
_SPAN = re.compile(r"(?P<sign>[+-])(?P<count>[0-9]{1,9}(?:\.[0-9]{1,6})?)(?P<unit>[smhd])")


def parse_span(text: str) -> float:
    """``+8d`` or ``-90m`` in s. Raises HarnessMisuse."""
    match = _SPAN.fullmatch(text)
    span_s = float(match["count"]) * UNITS_S[match["unit"]] if match else MOST_S + 1
    if match is None or span_s > MOST_S:
        raise HarnessMisuse(f"'{text}' is no span of time", suggestion="write it as +8d, -2h, +90m or +30s")
    return -span_s if match["sign"] == "-" else span_s


class PlatformPrompt:
    """Carries out typed lines. Whoever is not named in them is meant as the latest: request, business in the chat.

    ``tell`` shows an answer of one line.
    """

    def __init__(
        self,
        platform: Simulator,
        businesses: list[BusinessNumber],
        users: list[WhatsAppUser],
        tell: Callable[[str], None],
    ) -> None:
        self._platform = platform
        self._first = businesses[0].number
        self._users = users
        self._tell = tell
        self._requests: dict[str, str] = {}
        self._chats: dict[str, str] = {}

    def notice(self, event: Event) -> None:
        """Keep in mind what is in the users' chats."""
        if isinstance(event, MessageDelivered):
            message = event.message
            self._chats[message.user] = message.business
            if message.kind is ChatMessageKind.PERMISSION_REQUEST:
                self._requests[message.user] = message.id

    def do(self, line: str) -> bool:
        """Carry out a line; False: the last one. Raises HarnessMisuse and SimulatorRefused."""
        words = line.split()
        match words:
            case []:
                return True
            case ["q" | "quit"]:
                return False
            case ["help"]:
                self._tell(HELP)
            case ["clock", span]:
                self._move_clock(span)
            case [name, "writes", *_] if len(words) > 2:
                self._write(self._user(name), line.split(maxsplit=2)[2])
            case [name, *rest]:
                self._act(name, " ".join(rest))
        return True

    def _act(self, name: str, what: str) -> None:
        if what in ANSWERS:
            user = self._user(name)
            if user not in self._requests:
                raise HarnessMisuse(f"nobody has asked {name} for permission yet")
            self._platform.call(AnswerRequest(user=user, request=self._requests[user], answer=ANSWERS[what]))
        elif what in PROFILE:
            user = self._user(name)
            business = self._business(user)
            self._platform.call(ChangeInProfile(user=user, business=business, allowed=PROFILE[what]))
        else:
            raise HarnessMisuse("that is no command", suggestion=HELP)
        self._tell("done")

    def _write(self, user: str, text: str) -> None:
        self._platform.call(WriteToBusiness(user=user, business=self._business(user), text=text))
        self._tell("done")

    def _move_clock(self, span: str) -> None:
        now = self._platform.call(MoveClock(by_s=parse_span(span)))
        try:
            shown = f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=now):%Y-%m-%d %H:%M:%S} UTC"
        except OverflowError:
            shown = f"{now:.0f} s since 1970"
        self._tell(f"it is {shown} on the platform")

    def _business(self, user: str) -> str:
        return self._chats.get(user, self._first)

    def _user(self, name: str) -> str:
        """The key of a user by number (with or without ``+``), user id, or first name. Raises HarnessMisuse."""
        found = [user for user in self._users if name in _names(user)]
        if len(found) != 1:
            known = ", ".join(user.key for user in self._users) or "nobody"
            raise HarnessMisuse(f"there is no user '{name}'", suggestion=f"there is {known}")
        return found[0].key


def _names(user: WhatsAppUser) -> set[str]:
    first = user.profile_name.split()[:1]
    return {user.key, user.key.removeprefix("+"), user.user_id, user.username, *first} - {""}
