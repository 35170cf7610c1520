"""The requirement catalogue: what a PBX at a trunk must do, where that is written, and what to look at if it does not.

It lies in ``scenarios/requirements/*.toml``, a file for each source. Scenarios say by their tags (``@req.T07``) which
requirements they decide.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from harness.errors import HarnessMisuse
from harness.target.claims import Claim
from harness.toml_file import load_model

BUILT_IN = Path(__file__).resolve().parent.parent / "scenarios" / "requirements"
TAG_PREFIX = "req."
"""Of a tag that names a requirement."""
EVERY_PROFILE = "*"

Line = Annotated[str, StringConstraints(pattern=r"^[^\r\n]*$", strip_whitespace=True)]
Text = Annotated[Line, Field(min_length=1)]
RequirementId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")]
Product = Literal["asterisk", "freeswitch", "kamailio"]


class Level(StrEnum):
    """How much weighs what is required (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Requirement(BaseModel):
    """One requirement. ``written`` is where it stands; ``text`` is the requirement in our words.

    ``profiles`` are the trunk's profiles on which it matters. ``pics`` asks whether it matters for this PBX (ETSI TS
    102 027-1), and the target's ``claim`` answers; without one it always does. ``untested`` says why no scenario
    decides it. ``breaks`` are kinds of faults that break this requirement wherever they are seen. ``advice`` is by
    product.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: RequirementId
    level: Level
    text: Text
    written: Text
    profiles: Annotated[list[Text], Field(min_length=1)] = [EVERY_PROFILE]
    pics: Line = ""
    claim: Claim | Literal[""] = ""
    untested: Line = ""
    breaks: list[Text] = []
    advice: dict[Product, Text] = {}

    def matters_on(self, profile: str) -> bool:
        """Whether it matters on a trunk with this profile."""
        return EVERY_PROFILE in self.profiles or profile in self.profiles


class RequirementFile(BaseModel):
    """One file: the requirements of a source, in the order of the report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Text
    requirements: Annotated[list[Requirement], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All requirements, by source."""

    sources: tuple[RequirementFile, ...]

    def __iter__(self) -> Iterator[Requirement]:
        return (requirement for source in self.sources for requirement in source.requirements)

    def __contains__(self, name: object) -> bool:
        return any(requirement.id == name for requirement in self)

    def nearest(self, name: str) -> str:
        """The id that is most like ``name``; empty when none is like it at all."""
        ids = [requirement.id for requirement in self]
        folded = {known.lower(): known for known in ids}
        near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
        return folded[near[0]] if near else ""


@lru_cache(maxsize=4)
def load_catalogue(directory: Path = BUILT_IN) -> Catalogue:
    """The catalogue in ``directory``. Raises HarnessMisuse: file, line, id, key."""
    files = [(path, load_model(path, RequirementFile)) for path in sorted(directory.glob("*.toml"))]
    _all_different(files)
    return Catalogue(tuple(file for _, file in files))


def _all_different(files: Sequence[tuple[Path, RequirementFile]]) -> None:
    where: dict[str, Path] = {}
    for path, file in files:
        for requirement in file.requirements:
            if requirement.id in where:
                raise HarnessMisuse(f"the id '{requirement.id}' is in {where[requirement.id].name} already", where=path)
            where[requirement.id] = path
