"""Decides whether pjsua2 is built with Opus or taken, with less in it, from PyPI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from bootstrap import apt, pjsua2_build
from bootstrap.errors import BootstrapError

PUBLISHED = "pjsua2-python==2.15.1.post1"
BUILT_NAME = "pjsua2"
PUBLISHED_NAME = "pjsua2-python"
VARIABLE = "TRUNKPROOF_PJSUA2"
LOSS = "no Opus, and at most 4 calls per process"


@dataclass(frozen=True)
class Choice:
    """``build`` says whether to build (or reuse what was built); ``reason`` why, for the user."""

    build: bool
    reason: str


def decide(wanted: str, *, cached: bool, has_apt: bool, can_install: bool, missing: Sequence[str]) -> Choice:
    """Choose from the user's wish and what the machine has.

    ``wanted`` is the value of TRUNKPROOF_PJSUA2: empty, ``built`` or ``published``. ``cached``: a built
    wheel exists; ``has_apt``: sources can be fetched; ``can_install``: packages can be; ``missing``: the
    packages that compiling lacks. Raises BootstrapError for another ``wanted``, or when ``built`` is
    wanted and impossible.
    """
    if wanted not in {"", "built", "published"}:
        raise BootstrapError(
            f"{VARIABLE}={wanted} is not known", hint=f"set {VARIABLE} to built or published, or not at all"
        )
    if wanted == "published":
        return Choice(False, f"{VARIABLE}=published")
    if cached:
        return Choice(True, "built before")
    if has_apt and (can_install or not missing):
        return Choice(True, "can be compiled here")
    if not has_apt:
        reason = "its source comes from Debian, and this machine is not Debian"
    else:
        reason = f"compiling needs {' '.join(missing)}, and only root can install that"
    if wanted == "built":
        raise BootstrapError(f"pjsua2 can't be built: {reason}", hint=f"run as root on Debian, or unset {VARIABLE}")
    return Choice(False, reason)


def decide_here() -> Choice:
    """`decide` with the facts of this machine. Raises BootstrapError as it does."""
    wanted = os.environ.get(VARIABLE, "")
    cached = pjsua2_build.built_wheel() is not None
    # Asking dpkg takes time that a run with everything ready must not spend.
    missing = [] if cached or wanted == "published" else apt.missing(pjsua2_build.packages())
    return decide(
        wanted,
        cached=cached,
        has_apt=apt.is_debian() and shutil.which("apt-get") is not None,
        can_install=apt.can_install(),
        missing=missing,
    )
