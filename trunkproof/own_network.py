"""Putting a run into a network of its own, when its reference PBX shall do ICE."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import typer

from bootstrap import own_network
from harness.target import load_target
from simulators.pbx.providers.choice import choose
from simulators.trunk.profile import load_profile


def enter_if_needed(targets: Iterable[str], profile: str, provider: str = "") -> None:
    """Begin this program anew in a network of its own if one of the targets needs that and this is none; then it does
    not return.

    ``profile`` and ``provider`` are what the command line says, empty for the targets' own. A PBX of the user's is
    where it is, so it never needs one. Raises HarnessMisuse for a provider that is not in such a network.
    """
    needing = [
        target
        for target in map(load_target, targets)
        if target.pbx.adapter != "external" and load_profile(profile or target.trunk.profile).media.ice
    ]
    if not needing or own_network.is_here():
        return
    for target in needing:
        # What must be downloaded can only be from out here.
        found, _ = choose(provider or target.pbx.provider, lambda text: typer.echo(text, err=True), own_network=True)
        found.close()
    sys.stdout.flush()
    program = [sys.executable, *sys.orig_argv[1:]]
    os.execv(sys.executable, [sys.executable, own_network.__file__, *program])
