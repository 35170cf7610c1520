import pytest

from harness.audio.prompt import PromptReference
from simulators.pbx.asterisk.make_prompts import PROMPTS


@pytest.fixture(scope="session")
def prompts() -> dict[str, PromptReference]:
    """All prompts of the reference PBX by file name without suffix: ``es/greeting``, ``music``."""
    paths = sorted(PROMPTS.rglob("*.wav"))
    names = [path.relative_to(PROMPTS).with_suffix("").as_posix() for path in paths]
    return {name: PromptReference.load(path, name) for name, path in zip(names, paths, strict=True)}
