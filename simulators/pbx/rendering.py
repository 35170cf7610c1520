"""Configuration files from jinja2 templates, of which a twin overrides blocks."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, TemplateError

from harness.errors import HarnessMisuse

_SUFFIX = ".j2"


def render_templates(base: Path, overlay: Path | None, facts: object) -> dict[str, str]:
    """Text of each file of ``base`` and ``overlay`` by its name, filled from the attributes of ``facts``.

    An overlay's template has the name of the base's that it replaces and begins with
    ``{% extends "base/<name>" %}``. Raises HarnessMisuse when a template is wrong.
    """
    loaders = {"base": FileSystemLoader(base)}
    if overlay is not None:
        loaders["twin"] = FileSystemLoader(overlay)
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
    for name in sorted(_names(base) | (_names(overlay) if overlay else set())):
        own = overlay is not None and (overlay / name).is_file()
        try:
            text = environment.get_template(f"{'twin' if own else 'base'}/{name}").render(context)
        except TemplateError as bad:
            raise HarnessMisuse(f"template {name}: {bad}") from None
        files[name.removesuffix(_SUFFIX)] = text
    return files


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.glob(f"*{_SUFFIX}")}
