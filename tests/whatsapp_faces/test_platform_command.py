"""``trunkproof platform`` as its user has it: in a process of its own, with lines typed and signals sent."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

import httpx
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.errors import HarnessMisuse
from trunkproof.platform_command import PlatformRequest, platform
from trunkproof.platform_prompt import HELP, MOST_S, parse_span

ADDRESS = "127.0.42.20"
ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0


def run_here(*lines: str, **options: object) -> str:
    """What the command prints while ``lines`` are typed."""
    console = Console(file=StringIO(), width=200)
    typed = iter([*lines, "quit"])
    platform(PlatformRequest(address=ADDRESS, port=0, **options), console, lambda _: next(typed))  # type: ignore[arg-type]
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRUNKPROOF_ACCESS_TOKEN", raising=False)


def test_it_says_how_to_call_it() -> None:
    said = run_here(access_token="a token")
    assert re.search(rf"platform at http://{re.escape(ADDRESS)}:\d+", said)
    assert said.count('curl -H "Authorization: Bearer a token"') == 4
    assert "Tienda Sol" in said and "Ana Ångström" in said


def test_a_token_of_the_environment_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKPROOF_ACCESS_TOKEN", "hush")
    said = run_here(access_token="hush")
    assert "hush" not in said and 'Bearer $TRUNKPROOF_ACCESS_TOKEN"' in said


def test_its_users_can_be_played() -> None:
    said = run_here("Ana writes hello there", "34600000001 permits", "Ana revokes", "", "clock +8d")
    assert said.count("done") == 3
    assert re.search(r"it is \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC on the platform", said)


def test_help_says_what_can_be_typed() -> None:
    assert run_here("help").count(HELP) == 2


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("sing", "that is no command"),
        ("Ana sings", "that is no command"),
        ("Bob allows", "there is no user 'Bob'"),
        ("Ana allows", "nobody has asked Ana for permission yet"),
        ("clock 8d", "'8d' is no span of time"),
        ("clock +1000000d", "is no span of time"),
        ("Ana writes", "that is no command"),
        ("[red]", "that is no command"),
    ],
)
def test_a_line_that_cannot_be_carried_out(line: str, answer: str) -> None:
    assert answer in run_here(line)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"people": "none.toml"}, "none.toml: there is no such file"),
        ({"rules": "none.toml"}, "none.toml: there is no such file"),
        ({"availability": "none.toml"}, "none.toml: there is no such file"),
        ({"port": 65536}, "--port: 65536 is no port"),
        ({"address": "203.0.113.1"}, "203.0.113.1:0 cannot be listened on"),
        ({"address": "nowhere"}, "cannot be listened on"),
        ({"webhook_url": "ftp://x"}, "ftp://x"),
        ({"ledger": "no/such/directory/ledger"}, "ledger"),
    ],
)
def test_wrong_options_are_one_line(options: dict[str, object], error: str) -> None:
    request = PlatformRequest(**({"address": ADDRESS, "port": 0} | options))  # type: ignore[arg-type]
    with pytest.raises(HarnessMisuse, match=re.escape(error)) as caught:
        platform(request, Console(file=StringIO()), lambda _: "quit")
    assert "\n" not in str(caught.value)


@contextmanager
def running(tmp_path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, without a terminal: process and the URL that it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkproof.cli", "platform", "--address", ADDRESS, "--port", "0", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )
    late = threading.Timer(START_S, process.kill)
    late.start()
    try:
        assert process.stdout is not None
        said = ""
        while "quit\n" not in said:
            line = process.stdout.readline()
            assert line, f"it ended: {said}"
            said += line
        found = re.search(r"http://[\d.]+:\d+", said)
        assert found
        yield process, found[0]
    finally:
        late.cancel()
        process.kill()
        process.wait()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_and_leaves_nothing(tmp_path: Path, sent: signal.Signals) -> None:
    with running(tmp_path, "--access-token", "a token") as (process, url):
        children = psutil.Process(process.pid).children()
        assert httpx.get(f"{url}/v23.0/1/settings", headers={"Authorization": "Bearer a token"}).status_code == 400
        process.send_signal(sent)
        rest, _ = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "Traceback" not in rest
        assert "GET /v23.0/1/settings  400  100" in rest
        assert not [child for child in children if child.is_running()]


def test_it_says_when_its_own_process_dies(tmp_path: Path) -> None:
    with running(tmp_path) as (process, _):
        psutil.Process(process.pid).children()[0].kill()
        rest, _ = process.communicate(timeout=10)
        assert process.returncode == 3
        assert "the platform died by signal 9" in rest and "Traceback" not in rest


def test_a_port_in_use_is_the_users_matter(tmp_path: Path) -> None:
    with running(tmp_path) as (_, url):
        port = url.rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, "-m", "trunkproof.cli", "platform", "--address", ADDRESS, "--port", port],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            timeout=START_S,
            check=False,
        )
    assert done.returncode == 2
    assert f"{ADDRESS}:{port} cannot be listened on: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_ledger_outlives_it() -> None:
    assert "done" in run_here("Ana permits", ledger="consent.sqlite")
    assert Path("consent.sqlite").exists()
    assert "done" in run_here("Ana revokes", ledger="consent.sqlite")


@given(st.text(max_size=12))
def test_a_span_is_seconds_or_one_error(text: str) -> None:
    with suppress(HarnessMisuse):
        assert abs(parse_span(text)) <= MOST_S


@pytest.mark.parametrize(("text", "seconds"), [("+8d", 691200), ("-2h", -7200), ("+90m", 5400), ("+0.5s", 0.5)])
def test_spans(text: str, seconds: float) -> None:
    assert parse_span(text) == seconds
