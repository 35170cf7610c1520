"""Tags that name requirements: ``@req.T07``, and in outlines ``@req.RFC4475-<message>``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pytest_bdd.parser import Feature, ScenarioTemplate

from harness.requirements import TAG_PREFIX, Catalogue

_COLUMN = re.compile(r"<([^<>]+)>")


def with_values(tag: str, example: Mapping[str, str]) -> str:
    """A tag with the example's values in place of ``<column>``; columns that the example lacks stay."""
    return _COLUMN.sub(lambda found: example.get(found[1], found[0]), tag)


def tagged(template: ScenarioTemplate, feature: Feature) -> Iterator[tuple[str, int]]:
    """The tags of a scenario, those of its feature and of its examples, rendered; each with a line of the feature."""
    for tag in sorted(template.tags | feature.tags):
        rows = [row for examples in template.examples for row in examples.as_contexts()]
        for rendered in dict.fromkeys(with_values(tag, row) for row in rows or [{}]):
            yield rendered, template.line_number
    for examples in template.examples:
        for tag in sorted(examples.tags):
            for rendered in dict.fromkeys(with_values(tag, row) for row in examples.as_contexts() or [{}]):
                yield rendered, examples.line_number or template.line_number


def requirements_of(feature: Feature) -> Iterator[tuple[str, ScenarioTemplate]]:
    """Each requirement that a scenario of the feature decides, with the scenario."""
    for template in feature.scenarios.values():
        for tag in dict.fromkeys(tag for tag, _ in tagged(template, feature)):
            if tag.startswith(TAG_PREFIX):
                yield tag.removeprefix(TAG_PREFIX), template


def unknown_requirements(feature: Feature, catalogue: Catalogue) -> Iterator[str]:
    """One line for each tag ``@req.…`` that names no requirement of the catalogue."""
    told: set[str] = set()
    for template in feature.scenarios.values():
        for tag, line in tagged(template, feature):
            name = tag.removeprefix(TAG_PREFIX)
            if not tag.startswith(TAG_PREFIX) or name in catalogue or tag in told:
                continue
            told.add(tag)
            near = catalogue.nearest(name)
            hint = f" (did you mean @{TAG_PREFIX}{near}?)" if near else " (docs/requirements.md has them all)"
            yield f"{feature.filename}:{line}: no requirement is called @{tag}{hint}"
