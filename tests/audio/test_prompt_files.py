import hashlib
import tomllib

import pytest

from harness.audio.beacon import find_beacons
from harness.audio.levels import measure
from harness.audio.prompt import PromptReference, identify
from harness.audio.speech import SPEECH
from harness.audio.wav import read_reference
from simulators.pbx.asterisk.make_prompts import PROMPTS

MANIFEST = tomllib.loads((PROMPTS / "manifest.toml").read_text(encoding="utf-8"))["prompt"]
SPOKEN = {"greeting", "after_hours", "no_agent", "not_in_service", "busy", "voicemail_thanks"}


def test_manifest_lists_what_is_there():
    listed = {entry["file"] for entry in MANIFEST}
    assert listed == {path.relative_to(PROMPTS).as_posix() for path in PROMPTS.rglob("*.wav")}
    assert listed >= {f"{language}/{name}.wav" for language in ("en", "es", "fr") for name in SPOKEN}
    assert sum(path.stat().st_size for path in PROMPTS.rglob("*")) < 4_000_000


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["file"])
def test_files_are_byte_for_byte_those_of_the_manifest(entry: dict[str, str]):
    path = PROMPTS / entry["file"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    sound = read_reference(path)
    assert (sound.rate_hz, len(sound.channels)) == (8000, 1)
    assert sound.seconds == pytest.approx(float(entry["seconds"]), abs=0.001)
    assert measure(sound.mono, 8000).active_dbov == pytest.approx(-20, abs=2)


def test_speech_of_customer_and_agent_is_like_no_prompt_and_no_beacon(prompts: dict[str, PromptReference]):
    spoken = {person: PromptReference.load(path) for person, path in SPEECH.items()}
    everything = prompts | spoken
    for person, reference in spoken.items():
        assert 3 <= reference.samples.size / 8000 <= 8
        assert [match.name for match in identify(reference.samples, 8000, everything)] == [person]
        assert find_beacons(reference.samples, 8000).strangers(None) == ()


def test_greetings_and_music_have_their_lengths(prompts: dict[str, PromptReference]):
    for language in ("en", "es", "fr"):
        assert 4 <= prompts[f"{language}/greeting"].samples.size / 8000 <= 6
    assert prompts["music"].samples.size / 8000 >= 20
