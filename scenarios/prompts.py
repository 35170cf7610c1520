"""Recognising the PBX's own prompts in what a customer hears, and saying what was heard instead."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from harness.audio.excerpt import ExcerptMatch, match_excerpt
from harness.audio.levels import Samples
from harness.audio.prompt import Hearing, PromptListener, PromptMatch, PromptReference, identify
from harness.audio.wav import seconds_of
from harness.errors import Inconclusive, PbxFault
from harness.evidence import Mark
from harness.lag import STALL_S
from harness.target import Target
from scenarios.customer import Customer
from scenarios.scene import Scene

MARGIN_S = 2.0
"""Beyond lengths and deadlines: how long a prompt may still be on its way through jitter buffers, in s."""

MUSIC_S = 2.0
"""How much of the music must be recognised, in s."""

LANGUAGE_NAMES = {
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "pt": "Portuguese",
    "it": "Italian",
}
MUSIC = "music"
DIGITS = {digit: f"digit_{digit}" for digit in "0123456789"}
"""Prompts in which a digit is read back."""
NO_SENTENCES = frozenset({MUSIC, *DIGITS.values()})
"""Prompts that are not looked for when it is asked what was said: music, and words too short for that."""
FIRST_IN_CALL = frozenset({"greeting", "language_menu", "recording_notice"})
"""Prompts that a call begins with: for these the delay after the answer is judged."""


@lru_cache(maxsize=64)
def load_reference(path: Path, name: str) -> PromptReference:
    """A prompt's file; raises HarnessMisuse when it is missing, truncated or too short to recognise."""
    return PromptReference.load(path, name)


def spoken(name: str, language: str) -> str:
    """A prompt in words: ``greeting in Spanish``."""
    words = name.replace("_", " ")
    return f"{words} in {LANGUAGE_NAMES.get(language, language)}" if language != "any" else words


def hears_prompt(scene: Scene, customer: Customer, name: str, language: str) -> None:
    """The customer hears the whole prompt in that language. Raises PbxFault, Inconclusive, HarnessMisuse."""
    target = scene.testbed.target
    path = target.prompt(name, language)
    if path is None:
        raise Inconclusive(
            f"the target declares no file for the {spoken(name, language)}, so it cannot be recognised by ear: "
            f"add it under [prompts.{name}]"
        )
    wanted = load_reference(path, spoken(name, language))
    ear = customer.ear
    listener = PromptListener(wanted, ear.rate_hz)
    position = ear.cursor_s

    def listen() -> PromptMatch | None:
        nonlocal position
        new = ear.samples(position)
        position += new.size / ear.rate_hz
        return listener.feed(new)

    spoken_files = [p for key, files in target.prompts.items() if key not in NO_SENTENCES for p in files.values()]
    longest = max((seconds_of(file) for file in spoken_files), default=0.0)
    within_s = target.deadlines.first_audio_s + longest + seconds_of(path) + MARGIN_S
    match = ear.listen_until(listen, lambda found: found is not None, within_s) or listener.finish()
    start = ear.cursor_s
    if match.first_sound_s is None or match.last_sound_s is None or match.hearing is Hearing.ABSENT:
        raise _not_heard(scene, customer, name, language)
    ear.marks.append(
        Mark(
            label=spoken(name, language),
            start_s=start + match.first_sound_s,
            end_s=start + match.last_sound_s,
            score=round(match.score, 2),
        )
    )
    ear.cursor_s = start + match.last_sound_s
    if not match.whole():
        raise scene.fault(f"{customer.label} did not hear the whole prompt: {_what_is_missing(match)}", stall_s=STALL_S)
    connected_at = customer.connected_at()
    if connected_at is None:
        scene.note(f"{match}; before the answer (early media)")
        return
    delay_s = ear.started_at + start + match.first_sound_s - connected_at
    scene.note(f"{match}; its first sound {delay_s:.2f} s after the answer")
    if start == 0.0 and name in FIRST_IN_CALL:
        scene.facts["first_audio_delay_ms"] = round(delay_s * 1000)
        if delay_s > target.deadlines.first_audio_s:
            raise scene.fault(
                f"the {spoken(name, language)} began {delay_s:.1f} s after the answer; "
                f"the target allows {target.deadlines.first_audio_s:g} s"
            )


def hears_music(scene: Scene, customer: Customer) -> None:
    """Some seconds of the queue's music arrive; the music may begin anywhere in its file."""
    target = scene.testbed.target
    path = target.prompt(MUSIC, customer.language)
    if path is None:
        raise Inconclusive("the target declares no file under [prompts.music], so music cannot be recognised by ear")
    music = load_reference(path, "queue music")
    ear = customer.ear
    from_s = ear.cursor_s

    def listen() -> ExcerptMatch:
        nonlocal from_s
        from_s = max(ear.cursor_s, ear.heard_s - MUSIC_S - MARGIN_S)
        return match_excerpt(ear.samples(from_s), ear.rate_hz, music)

    match = ear.listen_until(listen, lambda found: found.found_s >= MUSIC_S, MUSIC_S + 2 * MARGIN_S)
    if match.found_s < MUSIC_S or match.first_s is None or match.last_s is None:
        raise scene.fault(
            f"{customer.label} hears no queue music while waiting: {match.found_s:.1f} s of it "
            f"({ear.describe(ear.started_at + ear.cursor_s)})"
        )
    ear.marks.append(
        Mark(
            label="queue music",
            start_s=from_s + match.first_s,
            end_s=from_s + match.last_s,
            score=round(match.share, 2),
        )
    )


def prompts_in(target: Target, samples: Samples, rate_hz: int) -> list[Mark]:
    """Which of the target's prompts are in what was heard, best first."""
    catalogue = {
        spoken(name, language): load_reference(path, spoken(name, language))
        for name, files in target.prompts.items()
        if name not in NO_SENTENCES
        for language, path in files.items()
    }
    return [
        Mark(label=m.name, start_s=max(m.first_sound_s, 0.0), end_s=m.last_sound_s, score=round(m.score, 2))
        for m in identify(samples, rate_hz, catalogue)
        if m.first_sound_s is not None and m.last_sound_s is not None
    ]


def _not_heard(scene: Scene, customer: Customer, name: str, language: str) -> PbxFault:
    ear = customer.ear
    heard = prompts_in(scene.testbed.target, ear.samples(), ear.rate_hz)
    ear.marks.extend(heard)
    ended = " and the call is over" if ear.call_is_over else ""
    instead = f"heard the {heard[0].label} instead" if heard else ear.describe(customer.connected_at() or 0.0)
    return scene.fault(f"{customer.label} did not hear the {spoken(name, language)}: {instead}{ended}")


def _what_is_missing(match: PromptMatch) -> str:
    parts = [
        f"{clipped:.1f} s are missing at its {end}"
        for clipped, end in ((match.clipped_start_s, "beginning"), (match.clipped_end_s, "end"))
        if clipped and clipped > 0.25
    ]
    return f"the {match.name}: " + (" and ".join(parts) or f"only {match.blocks_found} of {match.blocks} parts arrived")
