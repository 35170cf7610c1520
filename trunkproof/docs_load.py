"""The keys of load profiles in docs/load.md, written from their model: ``python -m trunkproof.docs_load``."""

from __future__ import annotations

from pathlib import Path

from harness.errors import HarnessMisuse
from harness.load.profile import LoadProfile
from harness.load.spread import Spread
from trunkproof.docs_tables import KeyTables, meaning

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "load.md"
BEGINS, ENDS = "<!-- keys: written by python -m trunkproof.docs_load -->", "<!-- end of keys -->"


def keys() -> str:
    """The section on a profile's keys."""
    tables = KeyTables(inline={Spread: "a [spread](#spreads)"}, level=3)
    parts = [f"{BEGINS}\n", "### Top of the file\n", tables.table(LoadProfile), *tables.sections(LoadProfile)]
    parts += ["### Spreads\n", f"{meaning(Spread)} `holding = {{ mean_s = 30 }}`, or a table `[holding]`.\n"]
    parts += [tables.table(Spread), f"{ENDS}\n"]
    return "\n".join(parts)


def with_keys(page: str) -> str:
    """The page with its section on keys as it should be. Raises HarnessMisuse when the page has no place for it."""
    before, begins, rest = page.partition(BEGINS)
    _, ends, after = rest.partition(f"{ENDS}\n")
    if not begins or not ends:
        raise HarnessMisuse(f"the lines '{BEGINS}' and '{ENDS}' are missing", where=DOCUMENT)
    return f"{before}{keys()}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_keys(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
