"""Broken twins of the reference PBX: each does one thing wrong, and some scenario must notice."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import HarnessMisuse, Inconclusive, PbxFault
from harness.toml_file import load_model
from harness.verdict import Verdict
from simulators.pbx.certificates import PbxCertificate

TWINS = Path(__file__).parent / "overlays"
_FILE = "twin.toml"


class LoadTrial(BaseModel):
    """``[load]`` of ``twin.toml``: a load run in which the fault shows. Calls of the flow ``inbound`` begin evenly, at
    ``rate`` (calls/s) for ``seconds``, and the parties talk for ``holding_s``. ``mos_p5`` is demanded, and that no
    channel is left."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: Annotated[float, Field(gt=0)]
    seconds: Annotated[float, Field(gt=0)]
    holding_s: Annotated[float, Field(gt=0)]
    mos_p5: Annotated[float, Field(ge=1, le=4.5)] = 4.0


class _TwinFile(BaseModel):
    """``twin.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    breaks: str
    caught_by: Annotated[list[str], Field(min_length=1)]
    reason: str
    starts: bool = True
    target: str = "reference"
    profile: str = ""
    certificate: PbxCertificate = PbxCertificate.GOOD
    verdict: Literal[Verdict.FAIL, Verdict.INCONCLUSIVE] = Verdict.FAIL
    load: LoadTrial | None = None


@dataclass(frozen=True, slots=True)
class Twin:
    """A twin and how it is recognised.

    ``description`` is what a PBX's administrator would say is wrong, ``breaks`` the requirement that does
    not hold. A scenario whose name contains one of ``caught_by`` must fail, with a reason that the regular
    expression ``reason`` finds; the verdict is then ``verdict``: a PBX that cannot be told from a wrong
    set-up of ours is no proven failure. ``starts`` is false for a PBX that does not run at all. ``target`` is
    the built-in target that it is a twin of, ``profile`` the trunk's profile that it is run with (empty: the target's),
    ``certificate`` what it shows over TLS.

    With ``load`` nothing is wrong with one call, only with many: no scenario but a load run catches it. Then
    ``caught_by`` are causes of its failed calls (``harness.load.records.Cause``) or criteria of its profile, and
    ``reason`` is found in what is said of them.
    """

    name: str
    description: str
    breaks: str
    caught_by: tuple[str, ...]
    reason: str
    starts: bool
    target: str
    profile: str
    certificate: PbxCertificate
    verdict: Verdict
    directory: Path
    load: LoadTrial | None = None

    @property
    def exit_code(self) -> int:
        """How a run against it ends."""
        return PbxFault.exit_code if self.verdict is Verdict.FAIL else Inconclusive.exit_code


def list_twins() -> list[Twin]:
    """All twins, by name."""
    return [_load(path.parent) for path in sorted(TWINS.glob(f"*/{_FILE}"))]


def find_twin(name: str) -> Twin:
    """The twin called ``name``. Raises HarnessMisuse with the nearest name."""
    names = sorted(path.parent.name for path in TWINS.glob(f"*/{_FILE}"))
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        raise HarnessMisuse(
            f"there is no twin {name!r}",
            suggestion=f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}",
        )
    return _load(TWINS / name)


def _load(directory: Path) -> Twin:
    file = load_model(directory / _FILE, _TwinFile)
    return Twin(
        name=directory.name,
        description=file.description,
        breaks=file.breaks,
        caught_by=tuple(file.caught_by),
        reason=file.reason,
        starts=file.starts,
        target=file.target,
        profile=file.profile,
        certificate=file.certificate,
        verdict=file.verdict,
        directory=directory,
        load=file.load,
    )
