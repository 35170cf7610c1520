"""Asterisk's configuration files from jinja2 templates; a twin overrides blocks of them."""

from __future__ import annotations

from pathlib import Path

from simulators.pbx.asterisk.facts import Facts
from simulators.pbx.asterisk.twins import Twin
from simulators.pbx.rendering import render_templates

TEMPLATES = Path(__file__).parent / "templates"


def render(facts: Facts, twin: Twin | None = None) -> dict[str, str]:
    """Text of each configuration file by its name. Raises HarnessMisuse when a template is wrong."""
    return render_templates(TEMPLATES, twin.directory if twin else None, facts)
