"""Compiles pjsua2 with Opus from Debian's pjproject source into a wheel."""

from __future__ import annotations

import re
import shutil
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

from bootstrap import apt, cache
from bootstrap import pjsua2_recipe as recipe
from bootstrap.command import Commands
from bootstrap.errors import BootstrapError
from bootstrap.wheel import WheelInfo, pack, python_tag

_HINT = "set TRUNKPROOF_PJSUA2=published to go on with PyPI's wheel (no Opus, 4 calls per process)"
_INCLUDES = ("pjlib", "pjlib-util", "pjnath", "pjmedia", "pjsip")
_VERSION = re.compile(r"PJ_VERSION_(MAJOR|MINOR|REV)\s*:=\s*(\d+)")


def packages() -> list[str]:
    """Debian packages that compiling needs, for the interpreter that runs this."""
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    own_headers = [] if headers.is_file() else [f"libpython{sys.version_info.major}.{sys.version_info.minor}-dev"]
    return [*recipe.TOOLS, *recipe.LIBRARIES, *own_headers]


def built_wheel() -> Path | None:
    """The finished wheel for this interpreter and recipe, or None."""
    finished = sorted(_parent().glob(f"*-{python_tag()}-{recipe.recipe()}/*.whl"))
    return finished[-1] if finished else None


def ensure(progress: Callable[[str], None], commands: Commands) -> Path:
    """Return the wheel, building it first if needed (two minutes). Raises BootstrapError."""
    with cache.lock("pjsua2", lambda: progress("waiting for another run that builds it")):
        ready = built_wheel()
        if ready is not None:
            return ready
        directory = cache.publish(_parent(), lambda into: _build(into, commands, progress))
    return next(directory.glob("*.whl"))


def _parent() -> Path:
    return cache.cache_dir() / "pjsua2"


def _build(into: Path, commands: Commands, progress: Callable[[str], None]) -> str:
    log = cache.log_file("pjsua2")
    work = into / "work"
    work.mkdir()
    apt.install(packages(), commands, progress, log)
    progress("downloading pjproject")
    apt.fetch_source(recipe.SOURCE_PACKAGE, recipe.SOURCE_SUITE, work, commands, log)
    source = _unpack(work, commands, log)
    progress("configuring")
    commands.run(
        ["./aconfigure", *recipe.CONFIGURE],
        cwd=source,
        env={"CFLAGS": recipe.LIBRARY_FLAGS, "CXXFLAGS": recipe.LIBRARY_FLAGS},
        log=log,
        what="configuring pjproject",
        hint=_HINT,
    )
    version = read_version((source / "version.mak").read_text())
    progress(f"compiling pjproject {version} and its Python wrapper")
    with ThreadPoolExecutor(2) as pool:
        # Each has a log of its own: their lines would mix.
        wrapper = pool.submit(_compile_wrapper, source, commands, cache.log_file("pjsua2-wrapper"))
        libraries = pool.submit(
            commands.run,
            ["make", f"-j{cpu_count() or 1}", "lib"],
            cwd=source,
            log=log,
            what="compiling pjproject",
            hint=_HINT,
        )
        try:
            libraries.result()
            wrapper.result()
        except BootstrapError:
            # Without this, leaving the pool would wait for the other compilation.
            commands.stop()
            raise
    progress("linking")
    module = _link(source, wrapper.result(), commands, log)
    wheel = pack(
        WheelInfo("pjsua2", version, "PJSIP user agents with real media, built with Opus", "GPL-2.0-or-later"),
        {"pjsua2.py": source / "out/pjsua2.py", module.name: module, "pjsua2_build.py": _describe(source)},
        into,
    )
    shutil.rmtree(work)
    progress(f"built {wheel.name}")
    return f"{version}-{python_tag()}-{recipe.recipe()}"


def read_version(version_mak: str) -> str:
    """pjproject's version, for example ``2.17``, from the text of its ``version.mak``."""
    numbers = dict(_VERSION.findall(version_mak))
    if "MAJOR" not in numbers or "MINOR" not in numbers:
        raise BootstrapError("pjproject's source does not say its version")
    return ".".join(numbers[key] for key in ("MAJOR", "MINOR", "REV") if key in numbers)


def _unpack(work: Path, commands: Commands, log: Path) -> Path:
    archives = list(work.glob(recipe.COMPONENT))
    if len(archives) != 1:
        raise BootstrapError(
            f"Debian {recipe.SOURCE_SUITE}'s asterisk source no longer has a pjproject part",
            hint=_HINT,
            log=log,
        )
    source = work / "pjproject"
    source.mkdir()
    unpack = [
        "tar",
        "--extract",
        "--xz",
        "--strip-components=1",
        "--file",
        str(archives[0]),
        "--directory",
        str(source),
    ]
    commands.run(unpack, log=log, what="unpacking pjproject")
    # Debian removes this file for its licence; the makefile still names it.
    (source / "pjmedia/src/pjmedia-audiodev/bdimad_dev.c").touch()
    (source / "pjlib/include/pj/config_site.h").write_text(recipe.config_site())
    for name, stands, shall in recipe.PATCHES:
        _patch(source / name, stands, shall, log)
    return source


def _patch(file: Path, stands: str, shall: str, log: Path) -> None:
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    if text.count(stands) != 1:
        raise BootstrapError(f"pjproject's {file.name} is not as expected: the build must be adapted", log=log)
    file.write_text(text.replace(stands, shall), encoding="utf-8", errors="surrogateescape")


def _compile_wrapper(source: Path, commands: Commands, log: Path) -> Path:
    out = source / "out"
    out.mkdir()
    includes = [f"-I{directory}/include" for directory in _INCLUDES]
    outputs = ["-o", "out/pjsua2_wrap.cpp", "-outdir", "out"]
    commands.run(
        ["swig", "-c++", "-python", "-threads", "-w312", *includes, *outputs, "pjsip-apps/src/swig/pjsua2.i"],
        cwd=source,
        log=log,
        what="generating pjsua2's wrapper",
        hint=_HINT,
    )
    headers = f"-I{sysconfig.get_path('include')}"
    endian = ["-DPJ_IS_BIG_ENDIAN=0", "-DPJ_IS_LITTLE_ENDIAN=1"]
    if sys.byteorder == "big":
        endian = ["-DPJ_IS_BIG_ENDIAN=1", "-DPJ_IS_LITTLE_ENDIAN=0"]
    commands.run(
        [
            *("g++", "-c", *recipe.WRAPPER_FLAGS.split()),
            *("-DPJ_AUTOCONF=1", *endian, *includes, headers),
            *("out/pjsua2_wrap.cpp", "-o", "out/pjsua2_wrap.o"),
        ],
        cwd=source,
        log=log,
        what="compiling pjsua2's wrapper",
        hint=_HINT,
    )
    return out / "pjsua2_wrap.o"


def _link(source: Path, wrapper: Path, commands: Commands, log: Path) -> Path:
    module = wrapper.parent / f"_pjsua2{sysconfig.get_config_var('EXT_SUFFIX')}"
    archives = [str(path) for path in sorted(source.glob("*/lib/*.a"))]
    libraries = [f"-l{name}" for name in (*recipe.LIBRARIES.values(), "crypto", "m", "pthread")]
    commands.run(
        [
            *("g++", "-shared", "-s", "-Wl,-Bsymbolic", str(wrapper)),
            *("-Wl,--start-group", *archives, "-Wl,--end-group"),
            *(*libraries, "-o", str(module)),
        ],
        log=log,
        what="linking pjsua2",
        hint=_HINT,
    )
    return module


def _describe(source: Path) -> Path:
    """A tiny module that tells the limits, which pjsua2 itself can't be asked for."""
    path = source / "out/pjsua2_build.py"
    facts = recipe.LIMITS | {"OPUS_RTCP_CLOCK_HZ": recipe.OPUS_RTCP_CLOCK_HZ}
    lines = [f"{name} = {value}\n" for name, value in facts.items()]
    path.write_text('"""Limits that this pjsua2 was compiled with."""\n\n' + "".join(lines))
    return path
