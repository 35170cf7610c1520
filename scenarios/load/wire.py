"""Load runs' messages as JSON, checked on arrival: a master and its workers may be on different machines.

Passwords of the target are among them in plain text, as the generators have to know them.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from datetime import date, time
from enum import Enum
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, TypeAdapter

from harness.hours import Hours
from scenarios.load.protocol import Offer

ValueT = TypeVar("ValueT")
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def write(value: object) -> str:
    """A value as JSON."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def read(kind: type[ValueT], text: str) -> ValueT:
    """The value of ``kind`` that ``write`` made JSON of. Raises ValueError for anything else."""
    value: ValueT = _adapter(kind).validate_json(text)
    return value


def clock() -> dict[str, Any]:
    """This machine's CLOCK_MONOTONIC now, and which machine it is."""
    return {"boot": _boot(), "now": monotonic()}


def here(offer: Offer, told: dict[str, Any]) -> Offer:
    """The offer in this machine's CLOCK_MONOTONIC, when it was written on the machine whose ``clock`` is ``told``.

    Between machines the time that the message took is not known (ms): calls begin that much later there.
    """
    if told["boot"] == _boot():
        return offer
    shift = monotonic() - float(told["now"])
    return replace(offer, zero_at=offer.zero_at + shift, begins_at=offer.begins_at + shift)


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Hours):
        return value.text
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, BaseModel):
        # As in a file: a key that was left out stays so, for a model may ask which were written.
        return {name: _plain(getattr(value, name)) for name in sorted(value.model_fields_set)}
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
