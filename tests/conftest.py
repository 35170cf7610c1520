"""Which tests one worker takes as a whole when they run side by side; and features, collected as a user's are."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import pytest

# A shell starts what goes on in the background deaf to Ctrl-C, and so all that a test starts, some of which it tells to
# end by that.
signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).parent
SHARED_ADDRESSES = {
    "backend": "backend",
    "bootstrap": "bootstrap",
    "independent": "pbx",
    "light_phones": "light_phones",
    "pbx": "pbx",
    "phones": "phones",
    "pstn": "pbx",
    "recorder": "recorder",
    "trunk": "trunk",
    "whatsapp": "whatsapp",
    "whatsapp_faces": "whatsapp_faces",
}
"""Directories whose tests have loopback addresses of their own, and the group in which nobody else has these."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    """Before xdist looks for groups: tests of one file, or of one set of addresses, stay together."""
    for item in items:
        place = item.path.relative_to(HERE)
        group = SHARED_ADDRESSES.get(place.parts[0], str(place))
        item.add_marker(pytest.mark.xdist_group(group))
    return (yield)


@pytest.fixture
def collect_files(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Collects features, given by their files' names, in a pytest of their own; further arguments go to that."""
    monkeypatch.setenv("PYTHONPATH", str(HERE.parent))

    def run(features: Mapping[str, str], *arguments: str) -> pytest.RunResult:
        for name, feature in features.items():
            (pytester.path / name).write_text(feature, encoding="utf-8")
        return pytester.runpytest_subprocess(
            "-p", "trunkproof.plugin", "-p", "no:cacheprovider", "--collect-only", "-q", *features, *arguments,
            timeout=60,
        )  # fmt: skip

    return run
