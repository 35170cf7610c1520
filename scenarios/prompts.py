"""Recognising the PBX's own prompts in what a customer hears, and saying what was heard instead."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from harness.audio.blocks import ANALYSIS_HZ, BLOCK_S
from harness.audio.excerpt import ExcerptMatch, match_excerpt
from harness.audio.levels import Samples
from harness.audio.prompt import PASS_SCORE, Hearing, PromptListener, PromptMatch, PromptReference, identify
from harness.audio.wav import seconds_of
from harness.errors import Inconclusive, PbxFault
from harness.evidence import Mark
from harness.lag import STALL_S
from harness.target import Staffing, Target
from scenarios.customer import Customer
from scenarios.scene import Scene

MARGIN_S = 2.0
"""Beyond lengths and deadlines: how long a prompt may still be on its way through jitter buffers, in s."""

TORN_SCORE = 0.5
"""Share of a prompt that must be heard, where nothing is claimed but which one it was."""

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


def first_in_call(target: Target) -> frozenset[str]:
    """Names of the prompts that a call begins with: for these the delay after the answer is judged."""
    ivr = target.ivr
    closed = {ivr.closed.prompt(staffing) for staffing in Staffing}
    return FIRST_IN_CALL | closed | ({ivr.menu(ivr.first).prompt} if ivr.menus else set())


@lru_cache(maxsize=64)
def load_reference(path: Path, name: str) -> PromptReference:
    """A prompt's file; raises HarnessMisuse when it is missing, truncated or too short to recognise."""
    return PromptReference.load(path, name)


def spoken(name: str, language: str) -> str:
    """A prompt in words: ``greeting in Spanish``."""
    words = name.replace("_", " ")
    return f"{words} in {LANGUAGE_NAMES.get(language, language)}" if language != "any" else words


def reference_of(target: Target, name: str, language: str) -> PromptReference:
    """The prompt as the PBX has it. Raises Inconclusive when the target declares no file for it."""
    path = target.prompt(name, language)
    if path is None:
        raise Inconclusive(
            f"the target declares no file for the {spoken(name, language)}, so it cannot be recognised by ear: "
            f"add it under [prompts.{name}]"
        )
    return load_reference(path, spoken(name, language))


def hears_prompt(
    scene: Scene, customer: Customer, name: str, language: str, *, waited_s: float = 0.0, torn: bool = False
) -> None:
    """The customer hears the whole prompt in that language; the PBX itself may wait ``waited_s`` before it.

    Where many call at once it may be ``torn``: more than half of it must be there, which no other prompt has.
    Raises PbxFault, Inconclusive, HarnessMisuse.
    """
    target = scene.testbed.target
    wanted = reference_of(target, name, language)
    ear = customer.ear
    listener = PromptListener(wanted, ear.rate_hz)
    match = _listen_for(scene, customer, listener, lambda: listener.decided, waited_s) or listener.finish()
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
    if not (match.score > TORN_SCORE if torn else match.whole()):
        raise scene.fault(f"{customer.label} did not hear the whole prompt: {_what_is_missing(match)}", stall_s=STALL_S)
    if start == 0.0 and name in first_in_call(target):
        scene.facts["first_audio_lost_ms"] = round((match.clipped_start_s or 0.0) * 1000)
    connected_at = customer.connected_at()
    if connected_at is None:
        scene.note(f"{match}; before the answer (early media)")
        return
    delay_s = ear.started_at + start + match.first_sound_s - connected_at
    scene.note(f"{match}; its first sound {delay_s:.2f} s after the answer")
    if start == 0.0 and name in first_in_call(target):
        _judge_delay(scene, delay_s, spoken(name, language))


def hears_beginning(scene: Scene, customer: Customer, name: str, language: str) -> None:
    """The customer hears the prompt begin in that language; the rest is not waited for. Raises as ``hears_prompt``."""
    ear = customer.ear
    listener = PromptListener(reference_of(scene.testbed.target, name, language), ear.rate_hz)

    def begun() -> PromptMatch | None:
        match = listener.match()
        # Two blocks may be alike by chance; its own beginning is in the right place as well.
        return match if match.clipped_start_s is not None and match.clipped_start_s <= BLOCK_S else None

    match = _listen_for(scene, customer, listener, begun)
    if match is None or match.first_sound_s is None or match.last_sound_s is None:
        raise _not_heard(scene, customer, name, language)
    start, label = ear.cursor_s, f"{spoken(name, language)}, its beginning"
    ear.marks.append(
        Mark(label=label, start_s=start + match.first_sound_s, end_s=start + match.last_sound_s, score=1.0)
    )
    ear.cursor_s = start + max(match.first_sound_s, 0.0)
    connected_at = customer.connected_at()
    if start == 0.0 and connected_at is not None and name in first_in_call(scene.testbed.target):
        delay_s = ear.started_at + match.first_sound_s - connected_at
        scene.note(f"{spoken(name, language)} began {delay_s:.2f} s after the answer")
        _judge_delay(scene, delay_s, spoken(name, language))


def _listen_for(
    scene: Scene,
    customer: Customer,
    listener: PromptListener,
    found: Callable[[], PromptMatch | None],
    waited_s: float = 0.0,
) -> PromptMatch | None:
    """Feed a listener from where the scenario has understood up to, until it has ``found`` or time is up."""
    target, ear = scene.testbed.target, customer.ear
    position = ear.cursor_s

    def listen() -> PromptMatch | None:
        nonlocal position
        new = ear.samples(position)
        position += new.size / ear.rate_hz
        listener.feed(new)
        return found()

    spoken_files = [p for key, files in target.prompts.items() if key not in NO_SENTENCES for p in files.values()]
    longest = max((seconds_of(file) for file in spoken_files), default=0.0)
    own_s = listener.reference.samples.size / ANALYSIS_HZ
    within_s = target.deadlines.first_audio_s + waited_s + longest + own_s + MARGIN_S
    return ear.listen_until(listen, lambda match: match is not None, within_s)


def _judge_delay(scene: Scene, delay_s: float, what: str) -> None:
    """The first sound after the answer came in time."""
    allowed_s = scene.testbed.target.deadlines.first_audio_s
    scene.facts["first_audio_delay_ms"] = round(delay_s * 1000)
    if delay_s > allowed_s:
        # What a stall tears is not recognised; then its repetition looks like the first.
        raise scene.fault(
            f"the {what} began {delay_s:.1f} s after the answer; the target allows {allowed_s:g} s", stall_s=STALL_S
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
    since_s = ear.cursor_s
    heard = prompts_in(scene.testbed.target, ear.samples(since_s), ear.rate_hz)
    heard = [m.model_copy(update={"start_s": m.start_s + since_s, "end_s": m.end_s + since_s}) for m in heard]
    ear.marks.extend(heard)
    ended = " and the call is over" if ear.call_is_over else ""
    since = max(customer.connected_at() or 0.0, ear.started_at + since_s)
    instead = f"heard the {_first_of(heard).label} instead" if heard else ear.describe(since)
    return scene.fault(f"{customer.label} did not hear the {spoken(name, language)}: {instead}{ended}")


def _first_of(heard: list[Mark]) -> Mark:
    """The first prompt that was heard whole, else the surest: what was interrupted before is in the sound, too."""
    whole = [mark for mark in heard if (mark.score or 0.0) >= PASS_SCORE]
    return min(whole, key=lambda mark: mark.start_s) if whole else heard[0]


def _what_is_missing(match: PromptMatch) -> str:
    parts = [
        f"{clipped:.1f} s are missing at its {end}"
        for clipped, end in ((match.clipped_start_s, "beginning"), (match.clipped_end_s, "end"))
        if clipped and clipped > 0.25
    ]
    return f"the {match.name}: " + (" and ".join(parts) or f"only {match.blocks_found} of {match.blocks} parts arrived")
