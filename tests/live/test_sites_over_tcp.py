"""The trunk over TCP: an SBC that passes calls on to its sites over UDP stays in the dialog on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.target import BUILT_IN
from tests.live.running import ROOT, run_trunkproof

pytestmark = pytest.mark.live


def test_calls_of_a_trunk_over_tcp_end_from_either_side(tmp_path: Path) -> None:
    text = (BUILT_IN / "reference-sites.toml").read_text(encoding="utf-8")
    for good, other in (('transport = "udp"', 'transport = "tcp"'), ("../../simulators", str(ROOT / "simulators"))):
        assert good in text, good
        text = text.replace(good, other)
    target = tmp_path / "sites_over_tcp.toml"
    target.write_text(text, encoding="utf-8")
    run = run_trunkproof(tmp_path, "--target", str(target), "-k", "hangs_up_first")
    assert run.verdicts == {
        "The customer hangs up first and both legs end": "pass",
        "The agent hangs up first and both legs end": "pass",
    }, run.output
    assert run.code == 0
