"""Hits and false alarms of the audio detectors: ``python -m benchmarks.audio_detectors [--json FILE]``.

Every prompt of the reference PBX and a choice of beacons go through every codec, and through loss, drift and
attenuation; each is looked for where it is and where it is not. Codecs whose libraries are missing here are
listed, not passed over. Costs are ratios: processor time over the sound's own duration.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import process_time
from zlib import crc32

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.audio_channels import CODECS, Channel, available_codecs
from harness.audio.beacon import BEACONS_HZ, beacon_samples, find_beacons
from harness.audio.excerpt import match_excerpt
from harness.audio.levels import Samples
from harness.audio.prompt import FAIL_SCORE, PASS_SCORE, PromptReference, match_prompt
from harness.audio.wav import resample
from simulators.pbx.asterisk.make_prompts import PROMPTS

SCHEMA_VERSION = 1
RATE_HZ = 16_000
BEACON_S = 5
CROSS_TALK_BELOW_DB = 28.0
MUSIC = "music"


@dataclass(kw_only=True)
class Row:
    """What one channel did to the detectors. Counts are ``hits`` of ``tries`` each."""

    channel: str
    prompts: int = 0
    prompts_heard: int = 0
    prompts_whole: int = 0
    lowest_right: float = 1.0
    wrong_tries: int = 0
    wrong_heard: int = 0
    highest_wrong: float = 0.0
    music_share: float = 0.0
    beacons: int = 0
    beacons_unbroken: int = 0
    lowest_share: float = 1.0
    strangers_imagined: int = 0
    cross_talk_found: int = 0


@dataclass
class Cost:
    """Processor time spent on so much sound, both in s."""

    spent_s: float = 0.0
    sound_s: float = 0.0

    @contextmanager
    def of(self, sound_s: float) -> Iterator[None]:
        """Count what is done inside as work on ``sound_s`` of sound."""
        started = process_time()
        yield
        self.spent_s += process_time() - started
        self.sound_s += sound_s

    @property
    def ratio(self) -> float:
        return self.spent_s / self.sound_s if self.sound_s else 0.0


@dataclass
class Costs:
    """Costs by detector."""

    prompt: Cost = field(default_factory=Cost)
    beacon: Cost = field(default_factory=Cost)


def channels() -> list[Channel]:
    """Every codec as it is, then the damage."""
    here = available_codecs()
    narrow = "pcmu"
    wide = "opus-16k" if "opus-16k" in here else "pcma"
    damage = [
        Channel(codec=codec, loss=loss, drift=drift)
        for codec in (narrow, wide)
        for loss, drift in ((0.02, 0.0), (0.05, 0.02), (0.1, 0.02))
    ]
    quiet = [Channel(codec=codec, gain_db=-20.0) for codec in (narrow, wide)]
    return [*(Channel(codec=codec) for codec in here), *damage, *quiet]


def as_received(reference: PromptReference) -> Samples:
    """2 s of ringback, the prompt, 1 s of silence: what a phone records, at RATE_HZ."""
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    ringback = 0.05 * np.sin(2 * np.pi * 440 * t) + 0.05 * np.sin(2 * np.pi * 480 * t)
    prompt = resample(reference.samples, 8000, RATE_HZ)
    return np.concatenate([ringback, prompt, np.zeros(RATE_HZ)]).astype(np.float32)


def try_prompts(row: Row, channel: Channel, prompts: dict[str, PromptReference], costs: Costs) -> None:
    """Each spoken prompt against itself and against all others; the music as hold music."""
    for name, reference in prompts.items():
        if name == MUSIC:
            continue
        heard = channel.carry(as_received(reference), RATE_HZ, seed=crc32(name.encode()) % 1000)
        # For the wrong prompts the resampling need not be paid again and again.
        narrow = resample(heard, RATE_HZ, 8000)
        with costs.prompt.of(heard.size / RATE_HZ):
            match = match_prompt(heard, RATE_HZ, reference)
        row.prompts += 1
        row.prompts_heard += match.score >= PASS_SCORE
        row.prompts_whole += match.whole()
        row.lowest_right = min(row.lowest_right, match.score)
        for other_name, other in prompts.items():
            if other_name != name:
                score = match_prompt(narrow, 8000, other).score
                row.wrong_tries += 1
                row.wrong_heard += score > FAIL_SCORE
                row.highest_wrong = max(row.highest_wrong, score)
    music = resample(np.roll(prompts[MUSIC].samples, -5 * 8000)[: 10 * 8000], 8000, RATE_HZ)
    row.music_share = match_excerpt(channel.carry(music, RATE_HZ), RATE_HZ, prompts[MUSIC]).share


def try_beacons(row: Row, channel: Channel, costs: Costs) -> None:
    """Every third beacon alone, and with its neighbour's cross-talk."""
    for number in range(0, len(BEACONS_HZ) - 1, 3):
        own, neighbour = BEACONS_HZ[number : number + 2]
        tone = beacon_samples(own, BEACON_S)
        alone = channel.carry(tone, RATE_HZ, seed=own)
        with costs.beacon.of(BEACON_S):
            report = find_beacons(alone, RATE_HZ)
        held = report.continuity(own, 0.1, alone.size / RATE_HZ - 0.1)
        row.beacons += 1
        row.beacons_unbroken += held.unbroken(0.2)
        row.lowest_share = min(row.lowest_share, held.share)
        row.strangers_imagined += len(report.strangers(own))
        talk = tone + beacon_samples(neighbour, BEACON_S) * 10 ** (-CROSS_TALK_BELOW_DB / 20)
        mixed = channel.carry(talk.astype(np.float32), RATE_HZ, seed=own)
        found = find_beacons(mixed, RATE_HZ).strangers(own)
        row.cross_talk_found += [beacon.frequency_hz for beacon in found] == [neighbour]


def run(show: Callable[[str], None]) -> tuple[list[Row], Costs]:
    """All channels; ``show`` is told which one is being tried."""
    prompts = {
        path.relative_to(PROMPTS).with_suffix("").as_posix(): PromptReference.load(path)
        for path in sorted(PROMPTS.rglob("*.wav"))
    }
    costs = Costs()
    rows = []
    for channel in channels():
        show(str(channel))
        row = Row(channel=str(channel))
        try_prompts(row, channel, prompts, costs)
        try_beacons(row, channel, costs)
        rows.append(row)
    return rows, costs


def table(rows: list[Row]) -> Table:
    """The rows for a person."""
    result = Table(title="Audio detectors: hits and false alarms")
    for heading in (
        "channel", "right prompt", "whole", "lowest", "wrong prompt", "highest", "music",
        "beacon unbroken", "lowest share", "strangers imagined", f"cross-talk at -{CROSS_TALK_BELOW_DB:.0f} dB",
    ):  # fmt: skip
        result.add_column(heading, justify="left" if heading == "channel" else "right")
    for row in rows:
        result.add_row(
            row.channel,
            f"{row.prompts_heard}/{row.prompts}",
            f"{row.prompts_whole}/{row.prompts}",
            f"{row.lowest_right:.2f}",
            f"{row.wrong_heard}/{row.wrong_tries}",
            f"{row.highest_wrong:.2f}",
            f"{row.music_share:.2f}",
            f"{row.beacons_unbroken}/{row.beacons}",
            f"{row.lowest_share:.2f}",
            f"{row.strangers_imagined}",
            f"{row.cross_talk_found}/{row.beacons}",
        )
    return result


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args(arguments)
    console = Console()
    with console.status("") as status:
        rows, costs = run(lambda channel: status.update(channel))
    missing = sorted(set(CODECS) - set(available_codecs()))
    console.print(table(rows))
    console.print(f"processor time over sound: prompt {costs.prompt.ratio:.5f}, beacon {costs.beacon.ratio:.5f}")
    console.print(f"codecs not on this machine, hence not tried: {', '.join(missing) or 'none'}")
    if options.json:
        figures = {
            "schema_version": SCHEMA_VERSION,
            "rows": [asdict(row) for row in rows],
            "cost_ratio": {"prompt": costs.prompt.ratio, "beacon": costs.beacon.ratio},
            "codecs_not_tried": missing,
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
