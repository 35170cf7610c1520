"""Tables of the keys of files that users write, for the documentation: each key is documented where it is parsed."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_FORMS: dict[Any, str] = {list: "[[{}]]", dict: "[{}.<name>]"}
"""Arrays of tables, and tables whose names are free."""


@dataclass(frozen=True)
class KeyTables:
    """How the tables of a file's model are written. ``left_out`` are keys that the page shows by itself, ``inline``
    models that it explains once, with what it says in the place of their values; ``after`` is text that follows a
    model's table, ``level`` the depth of its headings."""

    left_out: Collection[str] = ()
    inline: Mapping[type[BaseModel], str] = field(default_factory=lambda: MappingProxyType({}))
    after: Mapping[type[BaseModel], str] = field(default_factory=lambda: MappingProxyType({}))
    level: int = 2

    def sections(self, model: type[BaseModel], above: str = "") -> Iterator[str]:
        """The tables in a model, each followed by those in it."""
        for name, of_model in model.model_fields.items():
            inner, form = _section(of_model)
            if inner is not None and inner not in self.inline:
                heading = form.format(f"{above}{name}")
                yield from (f"{'#' * self.level} `{heading}`\n", f"{meaning(inner)}\n")
                if any(self._is_key(key, of_inner) for key, of_inner in inner.model_fields.items()):
                    yield self.table(inner)
                if inner in self.after:
                    yield self.after[inner]
                yield from self.sections(inner, f"{above}{name}.")

    def table(self, model: type[BaseModel]) -> str:
        """The keys of one table."""
        rows = ["| key | default | values | meaning |", "|---|---|---|---|"]
        for name, of_model in model.model_fields.items():
            if not self._is_key(name, of_model):
                continue
            assert of_model.description is not None, f"{model.__name__}.{name} is not documented"
            values = self.inline.get(_section(of_model)[0] or BaseModel) or _values(of_model)
            rows.append(f"| `{name}` | {_default(of_model)} | {values} | {_plain(of_model.description)} |")
        return "\n".join(rows) + "\n"

    def _is_key(self, name: str, of_model: FieldInfo) -> bool:
        """Whether it is a key of its table, not a table in it."""
        inner, _ = _section(of_model)
        return (inner is None or inner in self.inline) and name not in self.left_out


def _section(of_model: FieldInfo) -> tuple[type[BaseModel] | None, str]:
    """The model of a table, and how its heading is written."""
    form = _FORMS.get(get_origin(of_model.annotation), "[{}]")
    model = get_args(of_model.annotation)[-1] if form != "[{}]" else of_model.annotation
    if isinstance(model, type) and issubclass(model, BaseModel):
        return model, form
    return None, form


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value: Any = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or value == "":
        return "–"
    if isinstance(value, SecretStr):
        return "–"
    if isinstance(value, frozenset | list | dict | tuple):
        return f"`{_toml(value)}`" if value else "none"
    if isinstance(value, BaseModel):
        return f"`{_toml(value.model_dump(exclude_unset=True))}`"
    return f"`{value}`".replace("True", "true").replace("False", "false")


def _toml(value: Any) -> str:
    """A default as one would write it into the file."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple | frozenset):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else f"{value}"


def _values(field: FieldInfo) -> str:
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{choice.value}`" for choice in annotation)
    return ""


def meaning(documented: type) -> str:
    """What the docstring says, without naming the table again."""
    text = _plain(inspect.getdoc(documented) or "")
    text = text.partition("`: ")[2] if text.startswith("`[") else text
    return text[:1].upper() + text[1:]


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")
