"""Recordings fetched as a target declares: what is understood, what is refused, and who is blamed."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessMisuse, Inconclusive, NotRun, PbxFault
from harness.target import RecordingsSection
from scenarios.recording_access import DirectoryRecordings, HttpRecordings, access_of

ONE = {"id": "one", "caller": "+447700900123", "agent": "1001", "start": "2026-03-10T10:30:10+00:00", "site": "London"}
ADDRESS = "127.0.44.10"


@pytest.fixture
def answers() -> Iterator[tuple[str, dict[str, tuple[int, bytes]]]]:
    """A server that answers paths with what the test puts there, else with 404; its URL."""
    found: dict[str, tuple[int, bytes]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = found.get(self.path, (404, b""))
            if self.headers.get("Authorization") != "Bearer secret":
                code, body = 401, b""
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing to tell."""

    server = http.server.ThreadingHTTPServer((ADDRESS, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{ADDRESS}:{server.server_port}/", found
    server.shutdown()
    server.server_close()


def test_what_the_archive_says_is_understood(answers: tuple[str, dict[str, tuple[int, bytes]]]) -> None:
    url, found = answers
    found["/recordings"] = 200, json.dumps({"recordings": [ONE]}).encode()
    found["/recordings/one/audio"] = 200, b"RIFF"
    archive = HttpRecordings(url, "secret")
    (facts,) = archive.facts()
    assert (facts.id, facts.agents, facts.queue, facts.duration_s) == ("one", ["1001"], "", None)
    assert facts.start is not None and facts.start.tzinfo is not None
    assert archive.audio("one") == b"RIFF"
    assert archive.audio("two") is None


@pytest.mark.parametrize(
    ("code", "body", "error", "says"),
    [
        (500, b"", Inconclusive, "HTTP 500"),
        (200, b"<html>", PbxFault, "makes no sense"),
        (200, b"[]", PbxFault, "makes no sense"),
        (200, b'{"recordings": [{}]}', PbxFault, "'id'"),
        (200, b'{"recordings": [{"id": "x", "start": "soon"}]}', PbxFault, "'start'"),
        (200, b'{"recordings": ["x"]}', PbxFault, "make no sense"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(
    answers: tuple[str, dict[str, tuple[int, bytes]]], code: int, body: bytes, error: type[Exception], says: str
) -> None:
    url, found = answers
    found["/recordings"] = code, body
    with pytest.raises(error, match=says) as caught:
        HttpRecordings(url, "secret").facts()
    assert "\n" not in str(caught.value)


def test_a_wrong_token_is_nobodys_fault_but_the_files(answers: tuple[str, dict[str, tuple[int, bytes]]]) -> None:
    with pytest.raises(Inconclusive, match=r"HTTP 401; check \[recordings\] token"):
        HttpRecordings(answers[0], "wrong").facts()


def test_nobody_there_is_inconclusive() -> None:
    with pytest.raises(Inconclusive, match="cannot be reached"):
        HttpRecordings(f"http://{ADDRESS}:1", "secret").facts()


def test_a_url_that_is_none_is_the_users_fault() -> None:
    with pytest.raises((HarnessMisuse, Inconclusive), match="nowhere"):
        HttpRecordings("http://nowhere:port", "secret").facts()


def test_a_directory_holds_sound_and_facts_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"caller": "+447700900123"}))
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "without_sound.json").write_text("{}")
    (tmp_path / "without_facts.wav").write_bytes(b"RIFF")
    directory = DirectoryRecordings(tmp_path)
    assert [facts.id for facts in directory.facts()] == ["a"]
    assert (directory.audio("a"), directory.audio("b")) == (b"RIFF", None)


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_facts_in_a_directory_that_make_no_sense(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(PbxFault, match="the facts of recording a"):
        DirectoryRecordings(tmp_path).facts()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match="is not there"):
        DirectoryRecordings(tmp_path / "gone").facts()


def test_the_target_decides_on_the_way(tmp_path: Path) -> None:
    with pytest.raises(NotRun):
        access_of(RecordingsSection())
    section = RecordingsSection.model_validate({"access": "directory", "directory": tmp_path})
    assert isinstance(access_of(section), DirectoryRecordings)
    section = RecordingsSection.model_validate({"access": "http", "url": "http://127.0.0.1", "token": "x"})
    assert isinstance(access_of(section), HttpRecordings)
