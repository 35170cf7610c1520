"""What the documentation shows is true: its features collect, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
FENCE = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def fenced(kind: str) -> list[tuple[str, str]]:
    return [(page.name, m["text"]) for page in PAGES for m in FENCE.finditer(page.read_text()) if m["kind"] == kind]


def test_the_features_in_the_docs_are_sound(collect_files) -> None:
    shown = {f"{Path(page).stem}_{place}.feature": text for place, (page, text) in enumerate(fenced("gherkin"))}
    assert shown
    result = collect_files(shown)
    assert result.ret == 0, result.stdout.str()
    for name in shown:
        result.stdout.fnmatch_lines([f"{name}::*"])


def shown_commands() -> list[str]:
    texts = [text for _, text in fenced("sh")] + [text for _, text in fenced("console")]
    return sorted({m[1] for text in texts for m in re.finditer(r"trunkproof ([a-z]+)", text)})


@pytest.mark.parametrize("command", shown_commands())
def test_a_command_in_the_docs_exists(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trunkproof.cli", command, "--help"], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0


@pytest.mark.parametrize("target", ["run", "test"])
def test_the_two_commands_of_the_readme_are_make_targets(target: str) -> None:
    assert f"make {target}" in (ROOT / "README.md").read_text()
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link
