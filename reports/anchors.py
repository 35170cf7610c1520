"""How scenarios are found on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.evidence import ScenarioRecord, slug


def anchors(records: Iterable[ScenarioRecord]) -> list[str]:
    """A name for each scenario's part of the page, all different; the same whenever the page is made again."""
    seen: Counter[str] = Counter()
    found = []
    for record in records:
        anchor = slug(record.name)
        seen[anchor] += 1
        found.append(anchor if seen[anchor] == 1 else f"{anchor}-{seen[anchor]}")
    return found
