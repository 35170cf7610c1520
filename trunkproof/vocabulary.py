"""The vocabulary: every sentence a feature may use, as registered by the modules in ``steps/``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pytest_bdd.parsers import StepParser
from pytest_bdd.steps import step_function_context_registry

STEP_MODULES = (
    "steps.agent",
    "steps.audio",
    "steps.business",
    "steps.customer",
    "steps.dtmf",
    "steps.ivr",
    "steps.load",
    "steps.pbx",
    "steps.platform",
    "steps.recording",
    "steps.sites",
    "steps.supervisor",
    "steps.torture",
    "steps.transactions",
    "steps.trunk",
)
"""Where the sentences are defined."""

# pytest-bdd's own debugging step.
_NOT_OURS = {"trace"}
_PLACEHOLDER = re.compile(r"\{(?P<name>\w*)(?::(?P<kind>\w+))?\}")

SHOWN_AS = {"Customer": "<the customer>", "Agent": "<the agent>", "Agents": "<n agents>", "Site": "<the first site>"}
"""How a word that is more than its name is shown to people; others are ``<name>``."""


@dataclass(frozen=True, slots=True)
class KnownStep:
    """One sentence. ``type`` is given, when, then, or None for all; ``module`` says who speaks."""

    type: str | None
    sentence: str
    meaning: str
    module: str
    parser: StepParser

    @property
    def keyword(self) -> str:
        return (self.type or "*").capitalize()

    @property
    def written(self) -> str:
        """The sentence as one writes it: ``{customer:Customer} hangs up`` is ``<the customer> hangs up``."""
        return _PLACEHOLDER.sub(lambda word: SHOWN_AS.get(word["kind"], f"<{word['name']}>"), self.sentence)

    def matches(self, step_type: str, name: str) -> bool:
        return self.type in (None, step_type) and self.parser.is_matching(name)


def known_steps() -> list[KnownStep]:
    """All registered sentences, by module, type and text."""
    found = {}
    for context in step_function_context_registry.values():
        if context.parser.name in _NOT_OURS:
            continue
        step = KnownStep(
            type=context.type,
            sentence=context.parser.name,
            meaning=_meaning(context.step_func),
            module=context.step_func.__module__,
            parser=context.parser,
        )
        found[(step.module, step.type or "", step.sentence)] = step
    return [found[key] for key in sorted(found)]


def _meaning(function: Callable[..., object]) -> str:
    return " ".join((function.__doc__ or "").split())
