"""TOML files that users write, read into pydantic models with errors a person can act on."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import HarnessMisuse

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_model(path: Path, model: type[ModelT]) -> ModelT:
    """The file at ``path`` as a ``model``. Raises HarnessMisuse: file, line, key, suggestion."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in _siblings(path)], n=1)
        raise HarnessMisuse(
            "there is no such file",
            where=path,
            suggestion=f"did you mean {path.parent / near[0]}?" if near else "",
        ) from None
    except (OSError, UnicodeDecodeError) as unreadable:
        raise HarnessMisuse(f"cannot be read: {unreadable}", where=path) from None
    return parse_model(text, model, where=str(path))


def parse_model(text: str, model: type[ModelT], *, where: str) -> ModelT:
    """TOML text as a ``model``; ``where`` names its origin in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as bad:
        raise HarnessMisuse(f"not valid TOML: {bad}", where=where) from None
    try:
        return model.model_validate(data)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        # A missing key has no line of its own: show where its table begins.
        line = _line_of(text, error["loc"][:-1] if error["type"] == "missing" else error["loc"])
        raise HarnessMisuse(
            _message(error, data), where=f"{where}:{line}" if line else where, suggestion=_suggestion(error, model)
        ) from None


def _siblings(path: Path) -> list[Path]:
    return sorted(path.parent.glob("*.toml")) if path.parent.is_dir() else []


def _key(loc: tuple[int | str, ...], data: Any) -> str:
    """``queues[2].name``; an entry that has an ``id`` is called by it."""
    text = ""
    for part in loc:
        data = _inside(data, part)
        if isinstance(part, int):
            text += f"[{data['id']}]" if isinstance(data, dict) and "id" in data else f"[{part + 1}]"
        else:
            text += f".{part}" if text else part
    return text


def _inside(data: Any, part: int | str) -> Any:
    try:
        return data[part]
    except (KeyError, IndexError, TypeError):
        return None


def _message(error: ErrorDetails, data: Any) -> str:
    key = _key(error["loc"], data)
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}'"
    if error["type"] == "missing":
        return f"the key '{key}' is missing"
    said = error["msg"].removeprefix("Value error, ")
    return f"'{key}': {said}" if key else said


def _suggestion(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] != "extra_forbidden":
        return ""
    known = _known_keys(model, error["loc"][:-1])
    near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(sorted(known))}"


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for part in loc:
        if isinstance(part, str):
            fields = getattr(current, "model_fields", {})
            current = _model_in(fields[part].annotation) if part in fields else None
    return list(getattr(current, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    """The model in an annotation such as ``list[Queue]`` or ``Queue | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _line_of(text: str, loc: tuple[int | str, ...]) -> int | None:
    """Line (from 1) of the key at ``loc``: the deepest table or key of it that can be found."""
    lines = text.splitlines()
    position, best = 0, None
    for depth, part in enumerate(loc):
        if isinstance(part, int):
            table = re.compile(rf"^\s*\[\[\s*(?:[\w.-]+\.)?{re.escape(str(loc[depth - 1]))}\s*\]\]")
            starts = [n for n, line in enumerate(lines) if table.match(line)]
            if part < len(starts):
                position = best = starts[part]
            continue
        name = re.escape(str(part))
        pattern = re.compile(rf"^\s*(?:\[+\s*(?:[\w.\"-]+\.)?{name}\s*\]+|(?:[\w.\"-]+\.)?\"?{name}\"?\s*=)")
        for n in range(position, len(lines)):
            if pattern.match(lines[n]):
                position = best = n
                break
    return None if best is None else best + 1
