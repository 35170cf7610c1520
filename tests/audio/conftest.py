import pytest

from benchmarks.audio_trial import prompts as measured_prompts
from harness.audio.levels import Samples
from harness.audio.presence import Party
from harness.audio.prompt import PromptReference
from harness.audio.speech import SPEECH
from harness.audio.wav import read_reference
from simulators.pbx.asterisk.make_prompts import PROMPTS

VOICE_HZ = 16_000


@pytest.fixture(scope="session")
def prompts() -> dict[str, PromptReference]:
    """All prompts of the reference PBX by file name without suffix: ``es/greeting``, ``music``; no single digits."""
    paths = sorted(path for path in PROMPTS.rglob("*.wav") if not path.name.startswith("digit_"))
    names = [path.relative_to(PROMPTS).with_suffix("").as_posix() for path in paths]
    return {name: PromptReference.load(path, name) for name, path in zip(names, paths, strict=True)}


@pytest.fixture(scope="session")
def long_prompts() -> dict[str, PromptReference]:
    """Those of the support line, of 4 to 6 s, by which the published figures were measured."""
    return measured_prompts()


@pytest.fixture(scope="session")
def voices() -> dict[str, Samples]:
    """What the customer and the agent can say, at VOICE_HZ."""
    return {name: read_reference(path).mono for name, path in SPEECH.items()}


@pytest.fixture(scope="session")
def speakers() -> list[Party]:
    """Both, known by what they say."""
    return [Party(name, speech=PromptReference.load(path, name)) for name, path in SPEECH.items()]
