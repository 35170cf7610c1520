"""What the media engine of the light phones is built from. Any change here or in its sources makes a new wheel."""

from __future__ import annotations

from pathlib import Path

from bootstrap import cache

MODULE = "_light_media"
"""What Python imports."""
DISTRIBUTION = "trunkproof-light-media"
SOURCES = Path(__file__).parent.parent / "simulators/light_phones/media"
NEEDS = ("gcc", "libopus-dev", "libssl-dev")
"""Debian packages, beside Python's headers."""

FLAGS = ("-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden", "-D_GNU_SOURCE")
LIBRARIES = ("-lopus", "-lcrypto", "-lm")


def source_hash() -> str:
    """Changes whenever the engine would be another one."""
    files = sorted([*SOURCES.glob("*.[ch]"), SOURCES / "build.py"])
    return cache.recipe_hash(
        {
            "flags": FLAGS,
            "libraries": LIBRARIES,
            "sources": {path.name: path.read_text(encoding="utf-8") for path in files},
        }
    )
