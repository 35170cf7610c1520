"""The target's recordings, fetched as it declares: from a directory, by HTTP with a token, or received by SIPREC."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import httpx
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from harness.errors import HarnessMisuse, Inconclusive, NotRun, PbxFault
from harness.target import RecordingAccess, RecordingsSection, SiprecFact
from simulators.recorder.process import recordings, refusals
from simulators.recorder.recording import Recording

TIMEOUT_S = 5.0
NOT_FOUND = (404, 410)
OK = 200
_TOLD: tuple[SiprecFact, ...] = ("caller", "called", "queue", "wacid", "consent")
_USER = re.compile(r"\s*(?:sips?|tel):([^@;?\s]+)", re.IGNORECASE)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class RecordingFacts(BaseModel):
    """What the archive says of a recording; what it does not say is empty. ``start`` has its time zone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    caller: str = ""
    called: str = ""
    agents: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        default_factory=list, validation_alias=AliasChoices("agents", "agent")
    )
    queue: str = ""
    wacid: str = ""
    consent: str = ""
    start: datetime | None = None
    duration_s: float | None = None
    sha256: str = ""


class RecordingAccessor(Protocol):
    """A way to the recordings. Raises Inconclusive when they cannot be reached, PbxFault for what makes no sense."""

    def facts(self) -> Sequence[RecordingFacts]:
        """All recordings that there are."""

    def audio(self, name: str) -> bytes | None:
        """A recording's WAV, None when there is none."""

    def text(self, name: str) -> str:
        """All that is known of a recording, as it is given; empty when there is none."""


class HttpRecordings:
    """The archive's HTTP interface. ``token`` empty: none is shown."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def facts(self) -> Sequence[RecordingFacts]:
        answer = self.ask("/recordings")
        if answer.status_code != OK:
            raise Inconclusive(
                f"the recordings at {self._url} cannot be listed: HTTP {answer.status_code}; check [recordings] token"
            )
        try:
            listed = answer.json()["recordings"]
        except (ValueError, KeyError, TypeError):
            raise PbxFault(f"the archive's list of recordings makes no sense: {answer.text[:80]!r}") from None
        return [_understood(entry) for entry in listed]

    def audio(self, name: str) -> bytes | None:
        answer = self.ask(f"/recordings/{name}/audio")
        if answer.status_code in NOT_FOUND:
            return None
        if answer.status_code != OK:
            raise PbxFault(f"the archive does not give the sound of recording {name}: HTTP {answer.status_code}")
        return answer.content

    def text(self, name: str) -> str:
        answer = self.ask(f"/recordings/{name}")
        if answer.status_code in NOT_FOUND:
            return ""
        if answer.status_code != OK:
            raise PbxFault(f"the archive does not give the facts of recording {name}: HTTP {answer.status_code}")
        return answer.text

    def ask(self, path: str) -> httpx.Response:
        """GET a path; whatever the answer is."""
        try:
            return httpx.get(f"{self._url}{path}", headers=self._headers, timeout=TIMEOUT_S, trust_env=False)
        except httpx.HTTPError as failed:
            raise Inconclusive(f"the recordings at {self._url} cannot be reached: {failed}") from None
        except httpx.InvalidURL as bad:
            raise HarnessMisuse(f"[recordings] url: {self._url!r} is no URL: {bad}") from None


class DirectoryRecordings:
    """A directory of ``<name>.wav`` with ``<name>.json``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def facts(self) -> Sequence[RecordingFacts]:
        if not self._directory.is_dir():
            raise Inconclusive(f"the directory of recordings {self._directory} is not there")
        return [
            _understood({"id": file.stem} | _json_of(file))
            for file in sorted(self._directory.glob("*.json"))
            if file.with_suffix(".wav").is_file()
        ]

    def audio(self, name: str) -> bytes | None:
        try:
            return (self._directory / f"{name}.wav").read_bytes()
        except FileNotFoundError:
            return None
        except OSError as refused:
            raise Inconclusive(f"recording {name} cannot be read: {refused.strerror}") from None

    def text(self, name: str) -> str:
        try:
            return (self._directory / f"{name}.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as refused:
            raise Inconclusive(f"the facts of recording {name} cannot be read: {refused}") from None


class ReceivedRecordings:
    """What the PBX has sent to our recording server, which keeps it in the section's directory."""

    def __init__(self, section: RecordingsSection, directory: Path) -> None:
        self._section = section
        self._directory = directory

    def facts(self) -> Sequence[RecordingFacts]:
        return [self._facts(recording) for recording in self.recordings()]

    def recordings(self) -> list[Recording]:
        """Recording sessions that are over, in the order in which they began."""
        return recordings(self._directory)

    def refused(self, since: float) -> str:
        """Why our recording server took no session since a moment (CLOCK_MONOTONIC, s); empty when it refused none."""
        found = [each for each in refusals(self._directory, since) if each.method == "INVITE"]
        return f"the recording server refused it with {found[-1].code}: {found[-1].reason}" if found else ""

    def audio(self, name: str) -> bytes | None:
        return DirectoryRecordings(self._directory).audio(name)

    def text(self, name: str) -> str:
        return DirectoryRecordings(self._directory).text(name)

    def _facts(self, recording: Recording) -> RecordingFacts:
        told = {name: self._told(recording, name) for name in _TOLD}
        labels = [channel.label for channel in recording.channels]
        customer = labels[:1] if self._section.customer_channel == "left" else labels[1:2]
        sending = {label: [user_of(each.aor) for each in recording.senders(label)] for label in labels}
        talked = [user for label in labels if label not in customer for user in sending[label]]
        agent = self._told(recording, "agent")
        session = next(iter(recording.metadata.sessions), None) if recording.metadata else None
        start = session.start if session and session.start is not None else recording.started
        stop = session.stop if session else None
        return RecordingFacts(
            id=recording.id,
            **{name: text for name, text in told.items() if name != "caller"},
            caller=told["caller"] or next((user for label in customer for user in sending[label]), ""),
            agents=talked or ([agent] if agent else []),
            start=datetime.fromtimestamp(start, UTC),
            duration_s=recording.duration_s if stop is None else stop - start,
        )

    def _told(self, recording: Recording, name: SiprecFact) -> str:
        """What the metadata's element for ``name`` says, in the order told first."""
        element = self._section.siprec_elements.get(name, name)
        return next((text for told in recording.told if (text := told.metadata.extension(element))), "")


def user_of(aor: str) -> str:
    """User part of an address-of-record, ``sip:1001@pbx`` or ``tel:+4420…``."""
    found = _USER.match(aor)
    return found[1] if found else ""


def access_of(section: RecordingsSection) -> RecordingAccessor:
    """The way that the target declares. Raises NotRun when it declares none."""
    if section.access is RecordingAccess.HTTP:
        if not section.url:
            raise HarnessMisuse("[recordings] access = \"http\" needs the key 'url'")
        return HttpRecordings(section.url, section.token.get_secret_value())
    if section.access is RecordingAccess.DIRECTORY and section.directory is not None:
        return DirectoryRecordings(section.directory)
    if section.access is RecordingAccess.SIPREC and section.directory is not None:
        return ReceivedRecordings(section, section.directory)
    raise NotRun("the target declares no access to its recordings ([recordings] access)")


def _json_of(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as bad:
        raise PbxFault(f"the facts of recording {file.stem} cannot be read: {bad}") from None
    if not isinstance(data, dict):
        raise PbxFault(f"the facts of recording {file.stem} are no JSON object")
    return data


def _understood(entry: Any) -> RecordingFacts:
    try:
        return RecordingFacts.model_validate(entry)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        key = ".".join(str(part) for part in error["loc"])
        raise PbxFault(f"the facts of a recording make no sense: '{key}': {error['msg']}") from None
