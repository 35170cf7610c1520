"""Asterisk's manager interface over HTTP (``rawman``): actions out, messages back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import httpx

from harness.errors import Inconclusive

EVENTS_EACH_S = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """One response or event: its header lines in order."""

    fields: tuple[tuple[str, str], ...]

    def __getitem__(self, name: str) -> str:
        """Value of the first line called ``name``, empty when there is none."""
        return next((value for key, value in self.fields if key == name), "")

    def every(self, name: str) -> list[str]:
        """Values of all lines called ``name``."""
        return [value for key, value in self.fields if key == name]


class ManagerError(Inconclusive):
    """The PBX's manager interface does not answer, or refuses."""


class Manager:
    """A client that logs in when it must and keeps its login. Safe to use from several threads."""

    def __init__(self, url: str, user: str, password: str, *, timeout_s: float = 5.0) -> None:
        self._url = url
        self._user = user
        self._password = password
        self._client = httpx.Client(timeout=timeout_s, trust_env=False)
        self._logged_in = False
        self._events_at = 0.0
        self._lock = threading.Lock()

    def action(self, name: str, **fields: str) -> list[Message]:
        """Carry out an action; its response and the events that belong to it. Raises ManagerError."""
        with self._lock:
            if not self._logged_in:
                self._login()
            messages = self._send(name, fields)
            if _refused(messages) == "Permission denied" or _refused(messages) == "Authentication Required":
                # Asterisk forgets logins that were idle for long.
                self._login()
                messages = self._send(name, fields)
            if monotonic() - self._events_at >= EVENTS_EACH_S:
                self._take_events()
        refusal = _refused(messages)
        if refusal:
            raise ManagerError(f"the PBX refused the manager action {name}: {refusal}")
        return messages

    def command(self, line: str) -> list[str]:
        """Output lines of a command of Asterisk's console. Raises ManagerError."""
        return [text for message in self.action("Command", Command=line) for text in message.every("Output")]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _login(self) -> None:
        self._logged_in = False
        refusal = _refused(self._send("Login", {"Username": self._user, "Secret": self._password}))
        if refusal:
            raise ManagerError(f"the PBX refused the login to its manager interface: {refusal}")
        self._logged_in = True
        self._events_at = monotonic()

    def _take_events(self) -> None:
        """Let Asterisk forget the events since the last time.

        It holds every event of the whole PBX (48 kB for each call here) until each login has come to fetch it, even a
        login that may not read any, of which nothing comes back.
        """
        self._events_at = monotonic()
        with suppress(ManagerError):
            self._send("WaitEvent", {"Timeout": "0"})

    def _send(self, name: str, fields: dict[str, str]) -> list[Message]:
        try:
            answer = self._client.get(self._url, params={"action": name} | fields)
            answer.raise_for_status()
        except httpx.HTTPError as broken:
            raise ManagerError(
                f"the PBX's manager interface at {self._url} does not answer: {broken or type(broken).__name__}"
            ) from None
        return list(parse_messages(answer.text))


def parse_messages(text: str) -> Iterator[Message]:
    """Messages of a response body: lines ``Name: value``, an empty line after each message."""
    fields: list[tuple[str, str]] = []
    for line in text.splitlines():
        if not line.strip():
            if fields:
                yield Message(tuple(fields))
                fields = []
            continue
        name, separator, value = line.partition(":")
        if separator:
            fields.append((name.strip(), value.strip()))
    if fields:
        yield Message(tuple(fields))


def _refused(messages: list[Message]) -> str:
    """Why the action was refused, empty when it was not."""
    if not messages:
        return "an empty answer"
    return messages[0]["Message"] or "no reason given" if messages[0]["Response"] == "Error" else ""
