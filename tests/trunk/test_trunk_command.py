"""``trunkproof trunk`` against the reference PBX."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness.errors import HarnessMisuse
from trunkproof.trunk_command import TrunkRequest, trunk


def text_of(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_bad_profile_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HarnessMisuse, match="no profile '8x9'"):
        trunk(TrunkRequest(profile="8x9"), Console(file=StringIO()))
    assert not list(tmp_path.iterdir())


@pytest.mark.live
def test_one_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    console = Console(file=StringIO(), width=100)
    assert trunk(TrunkRequest(number="+442079460100", talk_s=1.0), console) == 0
    for expected in ("INVITE +442079460100", "200 OK", "ACK", "BYE", "call-1 ended: 200 OK"):
        assert expected in text_of(console)


@pytest.mark.live
def test_conversation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    console = Console(file=StringIO(), width=100)
    typed: Iterator[str] = iter(["h", "call +442079460100", "d 1", "nonsense", "h", "q"])
    assert trunk(TrunkRequest(), console, lambda _text: next(typed)) == 0
    assert "there is no call yet" in text_of(console)
    assert "call-1 ended" in text_of(console)
