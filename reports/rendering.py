"""Templates and the style sheets and scripts that go into them. Everything is escaped unless it is ours."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.visible import visible

_HERE = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """A template of ``templates/`` with autoescape."""
    return _environment().get_template(template).render(**values)


def asset(name: str) -> Markup:
    """Text of a file of ``assets/``, to be put in as it is."""
    return Markup((_HERE / "assets" / name).read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_showable,
    )


def _showable(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
