"""Examples that come from the target: a Scenario Outline tagged ``@each.…`` gets a row for each thing of its kind."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator

from pytest_bdd.parser import Feature, ScenarioTemplate

from harness.target import Target
from harness.target.ivr_paths import all_ways
from scenarios.prompts import LANGUAGE_NAMES

EACH_PREFIX = "each."
NONE = "–"
"""Stands in the one row that there is when the target has nothing of the kind, so that it is reported as not run."""


def _ivr_paths(target: Target) -> Iterator[dict[str, str]]:
    """Every way through the front door's map, for a caller who is owed the target's default language."""
    if not target.ivr.menus:
        return
    for way in all_ways(target.ivr, target.languages.default):
        language = LANGUAGE_NAMES.get(way.language, way.language)
        yield {"way": str(way), "department": way.department, "language": language}


KINDS: dict[str, tuple[tuple[str, ...], Callable[[Target], Iterator[dict[str, str]]]]] = {
    "ivr_path": (("way", "department", "language"), _ivr_paths),
}
"""By tag: the columns, and the rows of a target."""


def rows(kind: str, target: Target) -> list[dict[str, str]]:
    """The rows of a kind, the same in every process; empty when the target has nothing of it."""
    return list(KINDS[kind][1](target))


def generated_kind(template: ScenarioTemplate, feature: Feature) -> str:
    """The kind that an outline, or its feature, is tagged with; empty when its examples are all written."""
    tags = sorted(tag for tag in template.tags | feature.tags if tag.startswith(EACH_PREFIX))
    return tags[0].removeprefix(EACH_PREFIX) if tags else ""


def unsound(template: ScenarioTemplate, feature: Feature) -> str:
    """What is wrong with a tagged outline, as one line; empty when nothing is."""
    where, kind = f"{feature.filename}:{template.line_number}", generated_kind(template, feature)
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1)
        hint = (
            f"did you mean @{EACH_PREFIX}{near[0]}?" if near else f"known: {', '.join(EACH_PREFIX + k for k in KINDS)}"
        )
        return f"{where}: nothing is called @{EACH_PREFIX}{kind} ({hint})"
    columns = KINDS[kind][0]
    if len(template.examples) != 1 or (template.examples[0].examples and not _filled(template)):
        return f"{where}: @{EACH_PREFIX}{kind} needs one 'Examples:' with a heading and no rows"
    unknown = [column for column in template.examples[0].example_params if column not in columns]
    if unknown:
        return f"{where}: @{EACH_PREFIX}{kind} has no column {unknown[0]!r} (it has {', '.join(columns)})"
    return ""


_FILLED: dict[int, ScenarioTemplate] = {}


def _filled(template: ScenarioTemplate) -> bool:
    """Whether the rows of a template are ours: pytest-bdd keeps features of a session."""
    return _FILLED.get(id(template)) is template


def fill(template: ScenarioTemplate, feature: Feature, target: Target) -> None:
    """Give the outline its rows, in place of those that it has."""
    examples = template.examples[0]
    found = rows(generated_kind(template, feature), target) or [dict.fromkeys(examples.example_params, NONE)]
    examples.examples = [[row.get(column, NONE) for column in examples.example_params] for row in found]
    _FILLED[id(template)] = template
