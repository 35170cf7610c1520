"""Command-line options of a run, as pytest knows them."""

from __future__ import annotations

from argparse import SUPPRESS
from pathlib import Path

import pytest


def add_options(parser: pytest.Parser) -> None:
    """The options that ``trunkproof run`` passes on."""
    group = parser.getgroup("trunkproof", "calling scenarios against a PBX")
    group.addoption(
        "--target",
        action="append",
        default=[],
        help="target file, or name of a built-in target; of several each scenario takes the first that claims its tags",
    )
    group.addoption("--profile", default="", help="trunk profile, instead of the target's own")
    group.addoption("--provider", default="", help="how to get the reference PBX: auto, docker, rootfs, local")
    group.addoption("--twin", default="", help="run against a broken twin of the reference PBX")
    group.addoption("--attach", default="", help=SUPPRESS)
    group.addoption("--run-dir", default="", help="directory for reports and evidence (default: out/<run-id>)")


def feature_paths(config: pytest.Config) -> list[Path]:
    """Arguments of this session that are features or directories with features below."""
    found = []
    for argument in config.args:
        path = Path(str(argument).partition("::")[0])
        if not path.is_absolute():
            path = config.invocation_params.dir / path
        if path.suffix == ".feature" or (path.is_dir() and next(path.rglob("*.feature"), None)):
            found.append(path)
    return found
