"""Feature files as pytest collects them: no Python stub beside a ``.feature``.

A file that is not Gherkin, or has a step that nobody defined, is an error of collection that names the file,
the line and the nearest known step; nothing is called before all files are sound.
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import pytest
from pytest_bdd import exceptions
from pytest_bdd.feature import get_feature
from pytest_bdd.gherkin_parser import get_gherkin_document
from pytest_bdd.parser import Feature, Scenario, ScenarioTemplate
from pytest_bdd.scenario import get_python_name_generator, scenario, scenario_wrapper_template_registry

from harness.errors import HarnessMisuse
from harness.requirements import load_catalogue
from harness.target import Claim, load_target
from scenarios.system import CLAIM_PREFIX, RunTarget, place
from trunkproof.plugin import generated_examples
from trunkproof.plugin.live_run import target_names
from trunkproof.plugin.requirement_tags import unknown_requirements
from trunkproof.vocabulary import KnownStep, known_steps

CLOSE_ENOUGH = 0.4


class FeatureFile(pytest.Module):
    """A ``.feature`` file; its items are pytest-bdd's test functions, one per scenario or example."""

    def _getobj(self) -> types.ModuleType:
        feature = self._parse()
        self._register_tags(feature)
        problems = [
            *unsound_scenarios(str(self.path)),
            *unknown_claims(feature),
            *unknown_requirements(feature, load_catalogue()),
            *self._fill_generated(feature),
            *undefined_steps(feature, known_steps()),
        ]
        if problems:
            raise self.CollectError("\n".join(problems))
        module = types.ModuleType(f"feature_{self.path.stem}")
        module.__file__ = str(self.path)
        names: set[str] = set()
        for name in feature.scenarios:

            @scenario(self.path.name, name, features_base_dir=str(self.path.parent))
            def run_scenario() -> None:
                """All steps have run by now."""

            for candidate in get_python_name_generator(name):
                if candidate not in names:
                    names.add(candidate)
                    setattr(module, candidate, run_scenario)
                    break
        return module

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The items; ``-k`` finds an example by its scenario's name as reports show it."""
        for item in super().collect():
            if isinstance(item, pytest.Function):
                item.extra_keyword_matches.add(keyword(shown_name(item)))
            yield item

    def _parse(self) -> Feature:
        try:
            return get_feature(str(self.path.parent), self.path.name)
        except exceptions.GherkinParseError as bad:
            raise self.CollectError(
                f"{self.path}:{bad.line}: not valid Gherkin: {_first_line(bad.message)}\n    {bad.line_content.strip()}"
            ) from None
        except (OSError, UnicodeDecodeError) as unreadable:
            raise self.CollectError(f"{self.path}: cannot be read: {unreadable}") from None

    def _fill_generated(self, feature: Feature) -> list[str]:
        """Give outlines tagged ``@each.…`` their rows from the target; what is wrong with them, a line each."""
        tagged = [t for t in feature.scenarios.values() if generated_examples.generated_kind(t, feature)]
        problems = [problem for template in tagged if (problem := generated_examples.unsound(template, feature))]
        if problems or not tagged:
            return problems
        try:
            names = target_names(self.config.option.target, self.config.option.twin)
            targets = [RunTarget(target=load_target(name), shared=None) for name in names]
        except HarnessMisuse as wrong:
            return [str(wrong)]
        for template in tagged:
            chosen = place(template.tags | feature.tags, targets).target.target
            generated_examples.fill(template, feature, chosen)
        return []

    def _register_tags(self, feature: Feature) -> None:
        """Every tag is a marker; pytest must know markers before they are used."""
        tags = set(feature.tags)
        for template in feature.scenarios.values():
            tags |= template.tags
            tags |= {tag for examples in template.examples for tag in examples.tags}
        for tag in sorted(tags):
            self.config.addinivalue_line("markers", f"{tag}: tag of {self.path.name}")

    def _register_setup_module_fixture(self) -> None:
        """A feature has no setup_module."""

    def _register_setup_function_fixture(self) -> None:
        """A feature has no setup_function."""


def rendered(item: pytest.Function) -> Scenario:
    """The scenario of a collected item, with its example's values."""
    return scenario_wrapper_template_registry[item.obj].render(example_of(item))


def shown_name(item: pytest.Function) -> str:
    """The scenario's name as reports show it: with its example's values behind it where none is in it."""
    example, name = example_of(item), rendered(item).name
    plain = scenario_wrapper_template_registry[item.obj].name == name and example
    return f"{name} ({', '.join(example.values())})" if plain else name


def example_of(item: pytest.Function) -> dict[str, str]:
    """The example's values by column; empty when the scenario is no outline."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return cast(dict[str, str], params.get("_pytest_bdd_example", {}))


def keyword(name: str) -> str:
    """A scenario's name as ``-k`` takes it."""
    return re.sub(r"\W", "", name.replace(" ", "_")).lower()


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0] if message.strip() else "unknown error"


def undefined_steps(feature: Feature, known: list[KnownStep]) -> Iterator[str]:
    """One line for each step of the feature that no step function matches."""
    reported: set[tuple[int, str]] = set()
    for template in feature.scenarios.values():
        for context in _examples(template):
            if generated_examples.NONE in context.values():
                continue
            for step in template.render(context).steps:
                if (step.line_number, step.name) in reported:
                    continue
                try:
                    if any(candidate.matches(step.type, step.name) for candidate in known):
                        continue
                except HarnessMisuse as wrong_word:
                    reported.add((step.line_number, step.name))
                    yield f"{feature.filename}:{step.line_number}: {wrong_word}"
                    continue
                reported.add((step.line_number, step.name))
                near = nearest_step(step.name, [k for k in known if k.type in (None, step.type)] or known)
                hint = f" Nearest: {near.keyword} {near.written}" if near else ""
                yield f"{feature.filename}:{step.line_number}: no such step: {step.keyword.strip()} {step.name}.{hint}"


def unsound_scenarios(path: str) -> Iterator[str]:
    """One line for each scenario that has no step (it would prove nothing) or the name of another one."""
    children = list(get_gherkin_document(path).feature.children)
    children += [inner for child in children if child.rule for inner in child.rule.children]
    lines: dict[str, int] = {}
    for child in children:
        if child.scenario is None:
            continue
        name, line = child.scenario.name, child.scenario.location.line
        if not child.scenario.steps:
            yield f"{path}:{line}: the scenario {name!r} has no steps"
        if name in lines:
            yield f"{path}:{line}: there is a scenario {name!r} on line {lines[name]} already"
        lines[name] = line


def unknown_claims(feature: Feature) -> Iterator[str]:
    """One line for each tag ``@claims.…`` that no target can claim."""
    known = [claim.value for claim in Claim]
    for template in feature.scenarios.values():
        tags = template.tags | feature.tags | {tag for examples in template.examples for tag in examples.tags}
        for tag in sorted(tags):
            claim = tag.removeprefix(CLAIM_PREFIX)
            if tag.startswith(CLAIM_PREFIX) and claim not in known:
                near = difflib.get_close_matches(claim, known, n=1)
                hint = f" (did you mean @{CLAIM_PREFIX}{near[0]}?)" if near else f" (known: {', '.join(known)})"
                yield f"{feature.filename}:{template.line_number}: nothing is called @{tag}{hint}"


def nearest_step(name: str, known: list[KnownStep]) -> KnownStep | None:
    """The known step whose sentence is most like ``name``, None when none is like it at all."""

    def likeness(step: KnownStep) -> float:
        return difflib.SequenceMatcher(None, re.sub("[<>]", "", step.written), name).ratio()

    best = max(known, key=likeness, default=None)
    return best if best is not None and likeness(best) >= CLOSE_ENOUGH else None


def _examples(template: ScenarioTemplate) -> list[dict[str, str]]:
    rows = [row for examples in template.examples for row in examples.as_contexts()]
    return rows or [{}]


def collect_feature(path: Path, parent: pytest.Collector) -> FeatureFile | None:
    """What ``pytest_collect_file`` answers for ``path``."""
    return FeatureFile.from_parent(parent, path=path) if path.suffix == ".feature" else None
