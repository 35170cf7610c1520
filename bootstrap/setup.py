"""Brings everything into place, in parallel: virtual environment, pjsua2, media engine, root with Asterisk."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from bootstrap import apt, cache, light_media, light_media_recipe, pjsua2_build, pjsua2_choice, rootfs, second_opinion
from bootstrap.command import Commands
from bootstrap.errors import BootstrapError, StoppedError
from bootstrap.progress import Progress
from bootstrap.venv import Venv

# How long stopped parts may take to remove what they had half made.
_CLEAN_UP_S = 8.0
_EXTRAS = {False: "", True: "[test]"}


def set_up(repository: Path, *, test: bool, progress: Progress) -> None:
    """Make ``repository`` ready to run (with its test tools if ``test``). Raises BootstrapError.

    Cheap when everything is in place: then nothing is started and nothing is announced.
    """
    venv = Venv(repository)
    choice = pjsua2_choice.decide_here()
    if _is_ready(venv, choice, test=test):
        return
    name = f"venv-{hashlib.sha256(str(repository).encode()).hexdigest()[:10]}"
    with cache.lock(name, lambda: progress.part("setup")("waiting for another set-up of this checkout")):
        # The one that was waited for may have done everything.
        if not _is_ready(venv, choice, test=test):
            _run_parts(venv, choice, test=test, commands=Commands(), progress=progress)


def _is_ready(venv: Venv, choice: pjsua2_choice.Choice, *, test: bool) -> bool:
    if not choice.build:
        pjsua2 = pjsua2_choice.PUBLISHED
    else:
        wheel = pjsua2_build.built_wheel()
        if wheel is None:
            return False
        pjsua2 = wheel.parent.name
    # An environment with the test tools also serves for running.
    sufficient = {_EXTRAS[True]} if test else set(_EXTRAS.values())
    current = venv.is_current({venv.key(extras, pjsua2) for extras in sufficient})
    rooted = rootfs.rootfs_path() is not None or rootfs.why_not() is not None
    return current and rooted and (not test or _has_second_opinion())


def _has_second_opinion() -> bool:
    return second_opinion.tree() is not None or second_opinion.why_not() is not None


def _run_parts(venv: Venv, choice: pjsua2_choice.Choice, *, test: bool, commands: Commands, progress: Progress) -> None:
    _install_first_packages(commands, progress)
    pool = ThreadPoolExecutor(4)
    python = pool.submit(_fill_venv, venv, _EXTRAS[test], commands, progress)
    parts: list[Future[None]] = [
        python,
        pool.submit(_install_pjsua2, venv, choice, python, _EXTRAS[test], commands, progress),
        pool.submit(_build_rootfs, commands, progress),
    ]
    if test and not _has_second_opinion():
        parts.append(pool.submit(_unpack_second_opinion, commands, progress))
    try:
        wait(parts, return_when=FIRST_EXCEPTION)
    finally:
        # Stops nothing if all is done. A part that waits for another run's lock can't be stopped, and is
        # not worth waiting for.
        commands.stop()
        wait(parts, timeout=_CLEAN_UP_S)
        pool.shutdown(wait=False, cancel_futures=True)
    errors = [error for part in parts if part.done() and (error := part.exception()) is not None]
    if errors:
        # Parts that were stopped because another failed say nothing about why.
        raise next((error for error in errors if not isinstance(error, StoppedError)), errors[0])


def _install_first_packages(commands: Commands, progress: Progress) -> None:
    """The few packages that let all parts start at once; compilers come later, beside the other parts."""
    if apt.can_install() and rootfs.rootfs_path() is None:
        say = progress.part("apt")
        if apt.missing(rootfs.HOST_PACKAGES):
            apt.install(rootfs.HOST_PACKAGES, commands, say, cache.log_file("apt"))
            progress.finish("apt", "done")


def _fill_venv(venv: Venv, extras: str, commands: Commands, progress: Progress) -> None:
    say = progress.part("python")
    log = cache.log_file("python")
    venv.unstamp()
    venv.create(commands, say, log)
    say(f"installing trunkproof{extras} and what it depends on")
    venv.pip(["install", "--editable", f".{extras}"], commands, log, "installing the Python packages")
    progress.finish("python", "done")


def _install_pjsua2(
    venv: Venv,
    choice: pjsua2_choice.Choice,
    python: Future[None],
    extras: str,
    commands: Commands,
    progress: Progress,
) -> None:
    say = progress.part("pjsua2")
    if choice.build:
        wheel = pjsua2_build.ensure(say, commands)
        wanted, other, key = str(wheel), pjsua2_choice.PUBLISHED_NAME, wheel.parent.name
    else:
        say(f"taking PyPI's wheel ({choice.reason}): {pjsua2_choice.LOSS}")
        wanted, other, key = pjsua2_choice.PUBLISHED, pjsua2_choice.BUILT_NAME, pjsua2_choice.PUBLISHED
    # Two pips in one environment at once would get in each other's way.
    python.result()
    log = cache.log_file("pjsua2-install")
    # Both bring a module called pjsua2, so the other one must go first.
    venv.pip(["uninstall", "--yes", other], commands, log, "removing the other pjsua2")
    venv.pip(["install", "--force-reinstall", "--no-deps", wanted], commands, log, "installing pjsua2")
    if choice.build:
        _check_pjsua2(venv, commands, say, log)
    # Now, because pjsua2 may have brought the compiler.
    _install_pesq(venv, commands, progress)
    _install_light_media(venv, commands, progress)
    venv.stamp(venv.key(extras, key))
    progress.finish("pjsua2", "ready, with Opus" if choice.build else f"ready, but {pjsua2_choice.LOSS}")


def _install_pesq(venv: Venv, commands: Commands, progress: Progress) -> None:
    """What compares speech with speech (PESQ). It has no wheels, and pip keeps the one it builds; without it a check of
    PESQ is not run, so that it cannot be built stops nothing."""
    say = progress.part("pesq")
    log = cache.log_file("pesq")
    if venv.runs("import pesq", commands, log):
        return
    if shutil.which("gcc") is None:
        progress.finish("pesq", "left out, since it needs gcc: checks of PESQ are not run")
        return
    say("building PESQ")
    try:
        venv.pip(["install", *venv.extra("pesq")], commands, log, "building PESQ")
    except StoppedError:
        raise
    except BootstrapError as error:
        progress.finish("pesq", f"left out: {error}; checks of PESQ are not run (see {log})")
        return
    progress.finish("pesq", "ready")


def _install_light_media(venv: Venv, commands: Commands, progress: Progress) -> None:
    """What sends and receives the sound of load runs. Nothing else needs it, so that it cannot be built stops nothing;
    whoever wants it then is told what is missing."""
    say = progress.part("light media")
    log = cache.log_file("light-media")
    try:
        wheel = str(light_media.ensure(venv, say, commands))
        venv.pip(["install", "--force-reinstall", "--no-deps", wheel], commands, log, "installing the media engine")
        if not venv.runs(f"import {light_media_recipe.MODULE}", commands, log):
            # A cache that came from elsewhere may lack the shared libraries.
            apt.install(light_media.packages(), commands, say, log)
    except StoppedError:
        raise
    except BootstrapError as error:
        progress.finish("light media", f"left out: {error}; there are no load runs")
        return
    progress.finish("light media", "ready")


def _check_pjsua2(venv: Venv, commands: Commands, say: Callable[[str], None], log: Path) -> None:
    """See that the built module loads; a cache that came from elsewhere may lack the shared libraries."""
    if venv.runs("import pjsua2", commands, log):
        return
    apt.install(pjsua2_build.packages(), commands, say, log)
    if not venv.runs("import pjsua2", commands, log):
        raise BootstrapError(
            "the built pjsua2 does not load",
            hint=f"delete {cache.cache_dir() / 'pjsua2'} so that it is built anew",
            log=log,
        )


def _build_rootfs(commands: Commands, progress: Progress) -> None:
    if rootfs.rootfs_path() is not None:
        return
    say = progress.part("asterisk")
    reason = rootfs.why_not()
    if reason is None:
        rootfs.ensure(say, commands)
        progress.finish("asterisk", "ready")
    elif shutil.which("asterisk", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        progress.finish("asterisk", f"no root is built (it {reason}); the asterisk on PATH can be used")
    else:
        progress.finish("asterisk", f"no root is built (it {reason}); a Docker engine will be needed")


def _unpack_second_opinion(commands: Commands, progress: Progress) -> None:
    second_opinion.ensure(progress.part("sipp"), commands)
    progress.finish("sipp", "ready, and tshark")
