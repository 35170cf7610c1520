"""Compiles the media engine of the light phones into a wheel, once per machine and version of its sources."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path

from bootstrap import apt, cache
from bootstrap import light_media_recipe as recipe
from bootstrap.command import Commands
from bootstrap.errors import BootstrapError
from bootstrap.venv import Venv
from bootstrap.wheel import WheelInfo, pack, platform_tag, python_tag


def packages() -> list[str]:
    """Debian packages that compiling needs here."""
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    version = sysconfig.get_python_version()
    return [*recipe.NEEDS, *([] if headers.is_file() else [f"libpython{version}-dev"])]


def ensure(venv: Venv, progress: Callable[[str], None], commands: Commands) -> Path:
    """Return the wheel, compiling it first if needed (some seconds). ``venv`` must have cffi. Raises BootstrapError."""
    name = f"{recipe.source_hash()}-{python_tag()}-{platform_tag()}"
    with cache.lock("light-media", lambda: progress("waiting for another run that builds it")):
        finished = _parent() / name
        if not finished.is_dir():
            finished = cache.publish(_parent(), lambda into: _build(into, name, venv, commands, progress))
    return next(finished.glob("*.whl"))


def _parent() -> Path:
    return cache.cache_dir() / "light-media"


def _build(into: Path, name: str, venv: Venv, commands: Commands, progress: Callable[[str], None]) -> str:
    log = cache.log_file("light-media-build")
    if apt.can_install():
        apt.install(packages(), commands, progress, log)
    if shutil.which("gcc") is None:
        raise BootstrapError("it needs gcc")
    progress("compiling the media engine of the light phones")
    module = compile_module(into / "work", venv.python, commands, log)
    wheel = pack(
        WheelInfo(
            recipe.DISTRIBUTION.replace("-", "_"), "0.1.0", "Media engine of trunkproof's light phones", "as trunkproof"
        ),
        {module.name: module},
        into,
    )
    shutil.rmtree(into / "work")
    progress(f"built {wheel.name}")
    return name


def compile_module(
    work: Path, python: Path, commands: Commands, log: Path, *, more_flags: tuple[str, ...] = ()
) -> Path:
    """Compile the module into the directory ``work``, which is made. ``more_flags`` are for sanitizers. Raises
    BootstrapError."""
    work.mkdir()
    wrapper = work / "wrapper.c"
    commands.run(
        [str(python), "-m", "simulators.light_phones.media.build", str(wrapper)],
        cwd=recipe.SOURCES.parents[2],
        log=log,
        what="writing the wrapper of the media engine",
    )
    module = work / f"{recipe.MODULE}{sysconfig.get_config_var('EXT_SUFFIX')}"
    commands.run(
        [
            *("gcc", "-shared", *recipe.FLAGS, *more_flags, f'-DLM_SOURCE="{recipe.source_hash()}"'),
            *(f"-I{recipe.SOURCES}", f"-I{sysconfig.get_path('include')}"),
            *(str(path) for path in sorted(recipe.SOURCES.glob("*.c"))),
            *(str(wrapper), *recipe.LIBRARIES, "-pthread", "-o", str(module)),
        ],
        log=log,
        what="compiling the media engine",
        hint=f"it needs {' '.join(recipe.NEEDS)}",
    )
    return module
