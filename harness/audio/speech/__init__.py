"""Recorded sentences that phones can say, known byte for byte so that they can be recognised elsewhere."""

from __future__ import annotations

from pathlib import Path

SPEECH = {name: Path(__file__).with_name(f"{name}.wav") for name in ("customer", "agent")}
