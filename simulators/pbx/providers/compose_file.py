"""The PBX's containers as ``docker-compose.test.yml`` describes them: the one description for us and by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import HarnessMisuse

COMPOSE_FILE = Path(__file__).resolve().parents[3] / "docker-compose.test.yml"
SERVICE = "pbx"
SBC_SERVICE = "sbc"

# ${NAME}, ${NAME:-default}, ${NAME:?message}: the forms of Compose that the file uses.
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Container:
    """A service of the file, variables filled in. ``context`` is the directory its image is built from."""

    image: str
    context: Path
    build_arguments: dict[str, str]
    network_mode: str
    user: str
    command: list[str]
    environment: dict[str, str]
    volumes: list[str]
    cap_drop: list[str]
    security_opt: list[str]
    init: bool


def read_service(variables: Mapping[str, str], path: Path = COMPOSE_FILE, name: str = SERVICE) -> Container:
    """The service ``name``. Raises HarnessMisuse for a file that cannot be used and variables that are missing."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        service = document["services"][name]
    except OSError as unreadable:
        raise HarnessMisuse(f"cannot be read: {unreadable.strerror}", where=path) from None
    except (yaml.YAMLError, KeyError, TypeError) as bad:
        raise HarnessMisuse(f"has no service {name!r}: {bad}", where=path) from None
    filled: dict[str, Any] = _fill(service, variables, path)
    build = filled["build"]
    return Container(
        image=filled["image"],
        context=path.parent / build["context"],
        build_arguments=dict(build.get("args", {})),
        network_mode=filled["network_mode"],
        user=filled["user"],
        command=list(filled["command"]),
        environment=dict(filled["environment"]),
        volumes=list(filled["volumes"]),
        cap_drop=list(filled.get("cap_drop", [])),
        security_opt=list(filled.get("security_opt", [])),
        init=bool(filled.get("init", False)),
    )


def interpolate(text: str, variables: Mapping[str, str], path: Path) -> str:
    """``text`` with its variables filled in as Compose does it; an empty value counts as unset."""

    def value(match: re.Match[str]) -> str:
        given = variables.get(match["name"], "")
        if given or match["kind"] == "-":
            return given or match["text"]
        if match["kind"] == "?":
            raise HarnessMisuse(f"{match['name']}: {match['text']}", where=path)
        return ""

    return _VARIABLE.sub(value, text)


def _fill(node: Any, variables: Mapping[str, str], path: Path) -> Any:
    if isinstance(node, str):
        return interpolate(node, variables, path)
    if isinstance(node, list):
        return [_fill(item, variables, path) for item in node]
    if isinstance(node, dict):
        return {key: _fill(item, variables, path) for key, item in node.items()}
    return node
