"""Checks of the ways to get the reference PBX, and which of them a run would take."""

from __future__ import annotations

import os
from collections.abc import Mapping

from bootstrap import docker_engine, rootfs
from simulators.pbx.providers.process import on_this_machine
from trunkproof.doctor.check import Check

# Quickest to start first.
PREFERENCE = ("rootfs", "docker", "local")


def available() -> dict[str, bool]:
    """Which providers could start a PBX now, by name."""
    return {
        "rootfs": rootfs.rootfs_path() is not None and os.geteuid() == 0,
        "docker": docker_engine.running_engine() is not None,
        "local": on_this_machine() is not None,
    }


def choose(found: Mapping[str, bool], wanted: str = "auto") -> str | None:
    """The provider that a run takes: ``wanted`` if it is there, with ``auto`` the first that is; or None."""
    candidates = PREFERENCE if wanted == "auto" else (wanted,)
    return next((name for name in candidates if found.get(name)), None)


def judge(found: Mapping[str, bool], wanted: str = "auto", *, can_build: bool = False) -> list[Check]:
    """One check per provider, and one for what a run would do; ``can_build``: an Asterisk root, if need be."""
    needs = {
        "rootfs": (
            "Asterisk root built",
            "no Asterisk root, or not root",
            "run 'make run' as root on Debian",
        ),
        "docker": ("engine answers", "no engine answers", "start Docker, if it shall be used"),
        "local": ("asterisk on PATH", "no asterisk on PATH", "install Asterisk 22, if it shall be used"),
    }
    checks = []
    for name, (present, absent, advice) in needs.items():
        ok = True if found[name] else None
        checks.append(Check(f"PBX by {name}", ok, present if ok else absent, "" if ok else advice))
    chosen = choose(found, wanted)
    if chosen is not None:
        checks.append(Check("reference PBX", True, f"a run takes {chosen}"))
    elif can_build and wanted in ("auto", "rootfs"):
        checks.append(Check("reference PBX", True, "a run builds an Asterisk root first, which takes some minutes"))
    else:
        which = "none of these ways is open" if wanted == "auto" else f"provider = '{wanted}' is not available"
        checks.append(Check("reference PBX", False, which, "make one of the ways above work, or set pbx.provider"))
    return checks
