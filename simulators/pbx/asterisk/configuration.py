"""Asterisk's configuration files from jinja2 templates; a twin overrides blocks of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, TemplateError

from harness.errors import HarnessMisuse
from simulators.pbx.asterisk.facts import Facts
from simulators.pbx.asterisk.twins import Twin

TEMPLATES = Path(__file__).parent / "templates"
_SUFFIX = ".j2"


def render(facts: Facts, twin: Twin | None = None) -> dict[str, str]:
    """Text of each configuration file by its name.

    A twin's template has the name of the base's that it replaces and begins with
    ``{% extends "base/<name>" %}``. Raises HarnessMisuse when a template is wrong.
    """
    loaders = {"base": FileSystemLoader(TEMPLATES)}
    if twin is not None:
        loaders["twin"] = FileSystemLoader(twin.directory)
    environment = Environment(
        loader=PrefixLoader(loaders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    context = {name: getattr(facts, name) for name in dir(facts) if not name.startswith("_")}
    files = {}
    for name in sorted(_names(TEMPLATES) | (set(_names(twin.directory)) if twin else set())):
        own = twin is not None and (twin.directory / name).is_file()
        try:
            text = environment.get_template(f"{'twin' if own else 'base'}/{name}").render(context)
        except TemplateError as bad:
            raise HarnessMisuse(f"template {name}: {bad}") from None
        files[name.removesuffix(_SUFFIX)] = text
    return files


def _names(directory: Path) -> set[str]:
    return set(_templates(directory))


def _templates(directory: Path) -> Iterator[str]:
    for path in directory.glob(f"*{_SUFFIX}"):
        yield path.name
