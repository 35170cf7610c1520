"""What goes wrong on the user's side or ours: one clear line, the right exit code, what was measured is kept."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.target import BUILT_IN
from harness.trace import read_trace
from tests.live.running import FEATURE, MARK, ROOT, Finished, finished, left_behind, run_trunkproof

pytestmark = pytest.mark.live
REFERENCE = (BUILT_IN / "reference.toml").read_text(encoding="utf-8")
SMOKE = ("-k", "a_customer_reaches_an_agent")


def target_file(directory: Path, *changes: tuple[str, str]) -> Path:
    """The reference target with changes, at another place (so its relative paths are made absolute)."""
    text = REFERENCE.replace("../../simulators", str(ROOT / "simulators"))
    for good, bad in changes:
        assert good in text, good
        text = text.replace(good, bad)
    path = directory / "my_pbx.toml"
    path.write_text(text, encoding="utf-8")
    return path


def trunk_at(address: str) -> Iterator[tuple[str, str]]:
    """Changes that leave the trunk one address, to which all queues' calls go."""
    yield 'addresses = ["127.0.0.20-127.0.0.29", "127.0.0.40-127.0.0.41"]', f'addresses = ["{address}"]'
    for last in range(20, 26):
        yield f'trunk_address = "127.0.0.{last}"', f'trunk_address = "{address}"'


def assert_clear(run: Finished, code: int, pattern: str) -> None:
    assert run.code == code, run.output
    assert "Traceback" not in run.output, run.output
    assert re.search(pattern, run.output), run.output


def test_a_wrong_key_in_the_target_file(tmp_path: Path) -> None:
    path = target_file(tmp_path, ("ring_s = 3", "ring_z = 3"))
    run = run_trunkproof(tmp_path, "--target", str(path))
    assert_clear(run, 2, r"my_pbx\.toml:\d+: unknown key 'queues\[1\]\.ring_z' \(did you mean 'ring_s'\?\)")


def test_a_feature_with_an_unknown_step(tmp_path: Path) -> None:
    feature = tmp_path / "mine.feature"
    feature.write_text("Feature: F\n  Scenario: S\n    Given a custmer\n", encoding="utf-8")
    run = run_trunkproof(tmp_path, feature=feature)
    assert_clear(run, 2, r"mine\.feature:3: no such step: Given a custmer\. *Nearest: Given a customer")


def test_a_pbx_that_cannot_be_reached(tmp_path: Path) -> None:
    path = target_file(
        tmp_path,
        ('adapter = "asterisk-reference"', 'adapter = "external"'),
        ('access = "http"', 'access = "none"'),
        ('host = "127.0.0.10"', 'host = "127.0.77.10"'),
        *trunk_at("127.0.77.20"),
        ('password = "generated"', 'password = "anything"'),
    )
    run = run_trunkproof(tmp_path, "--target", str(path), *SMOKE)
    assert_clear(run, 3, r"the PBX at 127\.0\.77\.10:5060/udp did not answer OPTIONS .* is it running")
    assert (run.directory / "report.html").is_file()


def test_a_registration_that_is_refused(tmp_path: Path) -> None:
    run = run_trunkproof(tmp_path, "--twin", "registration-refused", *SMOKE)
    assert_clear(run, 3, r"the PBX refused the registration of agent \d+: 40[13] .*check \[agents\] in the target file")


def test_a_port_in_use(tmp_path: Path) -> None:
    path = target_file(
        tmp_path,
        ('adapter = "asterisk-reference"', 'adapter = "external"'),
        ('access = "http"', 'access = "none"'),
        *trunk_at("127.0.78.20"),
        ('password = "generated"', 'password = "anything"'),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.78.20", 5060))
        run = run_trunkproof(tmp_path, "--target", str(path), *SMOKE)
    assert_clear(run, 3, r"the trunk simulator could not start: .*127\.0\.78\.20:5060.*in use")


def test_a_truncated_prompt_file(tmp_path: Path) -> None:
    prompt = ROOT / "simulators" / "pbx" / "asterisk" / "prompts" / "en" / "greeting.wav"
    short = tmp_path / "greeting.wav"
    short.write_bytes(prompt.read_bytes()[:9000])
    path = target_file(tmp_path, (f'en = "{prompt}"', f'en = "{short}"'))
    run = run_trunkproof(tmp_path, "--target", str(path), "-k", "the_greeting_is_heard and kingdom")
    assert_clear(run, 2, r"greeting\.wav.*truncated")


@pytest.mark.parametrize("victim", ["simulators.phones.process", "simulators.trunk.process"])
def test_a_simulator_killed_in_mid_run(tmp_path: Path, victim: str) -> None:
    run = run_and_act(tmp_path, victim, signal.SIGKILL)
    assert_clear(run, 3, r"simulator died (by signal 9|during the scenario)")
    verdicts = list(run.verdicts.values())
    assert verdicts.count("inconclusive") == 1, run.output
    assert verdicts.count("pass") >= 1, run.output


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["-n", "foo"], r"-n takes a number or 'auto', not 'foo'"),
        (["-k", "chooses sales"], r"-k 'chooses sales' is no expression: .*\(join .* 'chooses and sales'\)"),
        (["no_such.feature"], r"there is no feature or directory no_such\.feature"),
        (["--target", "referense"], r"referense: there is no such file"),
        (["--profile", "8x9"], r"8x9.*did you mean"),
        (["--provider", "doker"], r"there is no provider 'doker' \(there are: auto, docker"),
    ],
)
def test_a_wrong_command_line(tmp_path: Path, arguments: list[str], pattern: str) -> None:
    assert_clear(run_trunkproof(tmp_path, *arguments), 2, pattern)


def test_a_directory_that_holds_a_run_is_not_used_again(tmp_path: Path) -> None:
    (tmp_path / "run" / "evidence").mkdir(parents=True)
    assert_clear(run_trunkproof(tmp_path), 2, r"holds a run already")


def test_interrupting_a_run_keeps_what_was_measured(tmp_path: Path) -> None:
    run = run_and_act(tmp_path, "trunkproof.cli", signal.SIGINT)
    assert run.code == 3, run.output
    assert run.summary is not None
    assert (run.directory / "report.html").is_file()


def run_and_act(directory: Path, victim: str, sign: signal.Signals) -> Finished:
    """A short run in which the process with ``victim`` on its command line gets a signal during the first call."""
    run_directory = directory / "run"
    value = str(run_directory)
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkproof.cli", "run", str(FEATURE), "--target", "reference", "--run-dir", value,
         "-k", "a_customer_reaches_an_agent or hangs_up_first_and_both"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=os.environ | {MARK: value},
    )  # fmt: skip
    trace = run_directory / "work" / "serial" / "reference" / "trunk" / "trace.jsonl"
    watcher = threading.Thread(target=_signal_when, args=(process, trace, victim, sign))
    watcher.start()
    output, _ = process.communicate(timeout=240)
    watcher.join()
    assert left_behind(f"{MARK}={value}") == []
    return finished(subprocess.CompletedProcess([], process.returncode, output, ""), run_directory)


def _signal_when(process: subprocess.Popen[str], trace: Path, victim: str, sign: signal.Signals) -> None:
    """Wait for the first answered call, then signal the first process below that is the victim."""
    gone = threading.Event()
    while process.poll() is None and not _answered(trace):
        gone.wait(0.05)
    for candidate in _family(process.pid):
        if victim in " ".join(candidate.cmdline()):
            candidate.send_signal(sign)
            return


def _answered(trace: Path) -> bool:
    answers = [entry for entry in read_trace(trace) if entry.first_line.startswith("SIP/2.0 200")]
    return any(entry.header("CSeq").endswith("INVITE") for entry in answers)


def _family(pid: int) -> Iterator[psutil.Process]:
    try:
        parent = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    yield parent
    yield from parent.children(recursive=True)


def test_a_pbx_that_goes_down_during_a_call_is_at_fault(tmp_path: Path) -> None:
    run = run_and_act(tmp_path, "/etc/asterisk.conf", signal.SIGKILL)
    assert_clear(run, 1, r"the PBX went down: it does not answer OPTIONS any more")
    assert sorted(run.verdicts.values()) == ["fail", "inconclusive", "inconclusive"], run.output
