"""A PBX that trunkproof did not start and cannot look into, described by a target file as a user writes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.target import BUILT_IN, load_target
from simulators.pbx import reference
from tests.live.running import ROOT, run_trunkproof

pytestmark = pytest.mark.live
PASSWORD_VARIABLE = "TRUNKPROOF_TEST_AGENT_PASSWORD"


@pytest.fixture
def external(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Target file of a running PBX: no adapter, the password in the environment, no clock to be asked."""
    pbx = reference.start(load_target("reference"), tmp_path / "pbx")
    try:
        target = pbx.running.target
        monkeypatch.setenv(PASSWORD_VARIABLE, target.agents.password.get_secret_value())
        text = (BUILT_IN / "reference.toml").read_text(encoding="utf-8")
        block = target.pbx.host.rpartition(".")[0]
        for good, bad in (
            ('adapter = "asterisk-reference"', 'adapter = "external"'),
            ('provider = "auto"\n', ""),
            ('access = "http"', 'access = "none"'),
            ("127.0.0.", f"{block}."),
            ('password = "generated"', f'password = "env:{PASSWORD_VARIABLE}"'),
            ('hours = "Mon-Fri 08:00-18:00"', ""),
            ("../../simulators", str(ROOT / "simulators")),
        ):
            assert good in text, good
            text = text.replace(good, bad)
        lines = [line for line in text.splitlines() if not line.startswith("clock =")]
        path = tmp_path / "external.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        yield path
    finally:
        pbx.stop()


def test_the_same_scenarios_run_against_any_pbx(external: Path, tmp_path: Path) -> None:
    chosen = "a_customer_reaches or hangs_up_first or gives_up_while_it or greeting_is_heard and spain"
    run = run_trunkproof(tmp_path, "--target", str(external), "-k", chosen, "-n", "2")
    assert set(run.verdicts.values()) == {"pass"}, run.output
    assert len(run.verdicts) == 5
    assert run.code == 0


def test_what_cannot_be_seen_is_not_run_and_says_so(external: Path, tmp_path: Path) -> None:
    run = run_trunkproof(tmp_path, "--target", str(external), "-k", "no_agent_is_there")
    scenario = run.scenario("No agent is there")
    assert scenario["verdict"] == "not_run"
    assert "cannot be looked into" in scenario["reason"]
    assert run.code == 3


def test_passwords_are_nowhere_in_what_a_run_leaves(external: Path, tmp_path: Path) -> None:
    run = run_trunkproof(tmp_path, "--target", str(external), "-k", "a_customer_reaches")
    assert run.code == 0
    secret = os.environ[PASSWORD_VARIABLE].encode()
    holders = [p for p in run.directory.rglob("*") if p.is_file() and secret in p.read_bytes()]
    assert holders == []
