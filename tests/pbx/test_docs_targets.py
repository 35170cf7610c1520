"""The page on target files is current, and its example is a target."""

import re
import tomllib

from harness.target import Target
from trunkproof.docs_targets import DOCUMENT, target_document


def test_the_page_is_current():
    assert DOCUMENT.read_text(encoding="utf-8") == target_document()


def test_the_example_is_valid(monkeypatch):
    monkeypatch.setenv("PBX_AGENT_PASSWORD", "secret")
    example = re.search(r"```toml\n(.*?)```", target_document(), re.DOTALL)
    assert example is not None
    assert Target.model_validate(tomllib.loads(example[1])).agents.extensions == ["801", "802", "803", "804"]
