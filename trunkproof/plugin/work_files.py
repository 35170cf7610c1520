"""What simulators have written in a worker's directory, and what the run's evidence was made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.masking import mask_text
from harness.target import Target

MASKED = ".masked"
"""The ending of a file's name that says that the file beside it is masked."""


def secrets_of(targets: Sequence[Target]) -> list[str]:
    """Words of the targets that must not appear in what people read."""
    held = [s for t in targets for s in (t.agents.password, t.trunk.digest_password, t.recordings.token)]
    return [secret.get_secret_value() for secret in held if secret.get_secret_value()]


def mask_work_files(directory: Path, secrets: Sequence[str]) -> None:
    """Take digest values and passwords out of the raw logs and traces below one worker's directory, once.

    Each worker does it at its end, when others still work; the controller does it for those that died.
    """
    patterns = ("*/pjsip.log", "*/*/trace.jsonl", "trunk.jsonl")
    for path in (path for pattern in patterns for path in directory.glob(pattern)):
        mark = path.with_name(path.name + MASKED)
        if mark.exists():
            continue
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        path.write_text(mask_text(text, secrets), encoding="utf-8", errors="surrogateescape")
        mark.touch()
