"""Uses the machine's own apt: which mirror it has, installing packages, fetching sid's sources."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap import cache
from bootstrap.command import Commands
from bootstrap.errors import BootstrapError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# sid's or a snapshot mirror's Release file may be past its date: what matters here is its signature.
FRESHNESS_OPTIONS = ("-o", "Acquire::Check-Valid-Until=false")

_LISTS = Path("/var/lib/apt/lists")
_FRESH_S = 3600.0
_SUITE_ALIASES = frozenset({"oldstable", "stable", "testing", "unstable", "sid"})
_ONE_LINE = re.compile(r"^(deb|deb-src)\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>.*)$")


@dataclass(frozen=True)
class Source:
    """One place that apt takes packages from."""

    kind: str
    uri: str
    suite: str
    components: tuple[str, ...]


def parse_one_line(text: str) -> Iterator[Source]:
    """The sources of a ``sources.list`` file; lines that make no sense are left out."""
    for line in text.splitlines():
        found = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if found:
            yield Source(found[1], found["uri"], found["suite"], tuple(found["rest"].split()))


def parse_deb822(text: str) -> Iterator[Source]:
    """The sources of a ``*.sources`` file, one per type, URI and suite; disabled stanzas are left out."""
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _deb822_fields(stanza)
        if fields.get("enabled", "yes").lower() in {"no", "false", "0", "off"}:
            continue
        components = tuple(fields.get("components", "").split())
        for kind in fields.get("types", "").split():
            for uri in fields.get("uris", "").split():
                for suite in fields.get("suites", "").split():
                    yield Source(kind, uri, suite, components)


def _deb822_fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in {" ", "\t"} and name:
            fields[name] += f" {line.strip()}"
        elif ":" in line:
            key, value = line.split(":", 1)
            name = key.strip().lower()
            fields[name] = value.strip()
    return fields


def read_sources(etc_apt: Path) -> list[Source]:
    """All sources of an apt configuration directory, in apt's order."""
    sources: list[Source] = []
    main = etc_apt / "sources.list"
    if main.is_file():
        sources += parse_one_line(main.read_text(errors="replace"))
    for path in sorted((etc_apt / "sources.list.d").glob("*")):
        if path.suffix == ".list":
            sources += parse_one_line(path.read_text(errors="replace"))
        elif path.suffix == ".sources":
            sources += parse_deb822(path.read_text(errors="replace"))
    return sources


def choose_mirror(sources: Iterable[Source], codename: str) -> str | None:
    """The URI that serves Debian itself: ``main`` of the release or of a release alias; None if none does."""
    for source in sources:
        debian = source.suite == codename or source.suite in _SUITE_ALIASES
        if debian and source.kind == "deb" and "main" in source.components and "://" in source.uri:
            return source.uri.rstrip("/")
    return None


def mirror() -> str:
    """The Debian mirror that this machine's apt is configured with.

    Raises BootstrapError on a machine that is not Debian or has no usable mirror.
    """
    found = choose_mirror(read_sources(Path("/etc/apt")), _codename()) if is_debian() else None
    if found is None:
        raise BootstrapError(
            "no Debian mirror in this machine's apt configuration",
            hint="run on Debian with a 'deb' entry for its 'main' component, or use the docker provider",
        )
    return found


def is_debian() -> bool:
    """Whether this is Debian itself (a derivative's mirror has no sid)."""
    return _os_release().get("ID") == "debian" and shutil.which("apt-get") is not None


def can_install() -> bool:
    """Whether packages can be installed here: Debian, as root."""
    return is_debian() and os.geteuid() == 0


def missing(packages: Iterable[str]) -> list[str]:
    """Those of ``packages`` that dpkg does not have installed; all of them where there is no dpkg."""
    wanted = list(packages)
    if shutil.which("dpkg-query") is None:
        return wanted
    answer = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[1] for line in answer.stdout.splitlines() if line.startswith("installed ")}
    return [package for package in wanted if package not in installed]


def install(packages: Iterable[str], commands: Commands, progress: Callable[[str], None], log: Path) -> None:
    """Install those of ``packages`` that are missing. Raises BootstrapError when that is not possible."""
    wanted = missing(packages)
    if not wanted:
        return
    if not can_install():
        raise BootstrapError(
            f"packages are missing: {' '.join(wanted)}", hint=f"as root: apt-get install {' '.join(wanted)}"
        )
    hint = "check the network and the machine's apt sources ('apt-get update' by hand)"
    # Another program's apt may be at work on the machine: wait for it instead of failing.
    apt = ["apt-get", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    # apt does not wait for its own lists, so that our parts must take turns.
    with cache.lock("apt", lambda: progress("waiting for apt")):
        if not _lists_are_fresh():
            progress("updating the package lists")
            commands.run([*apt, "update"], log=log, what="apt-get update", hint=hint, env=environment)
            _updated_stamp().touch()
        names = ", ".join(wanted[:3]) + (", …" if len(wanted) > 3 else "")
        progress(f"installing {len(wanted)} Debian packages ({names})")
        commands.run(
            [*apt, "install", "--no-install-recommends", *wanted],
            log=log,
            what="apt-get install",
            hint=hint,
            env=environment,
        )


def _updated_stamp() -> Path:
    return cache.cache_dir() / "locks" / "apt-updated"


def _lists_are_fresh() -> bool:
    """Whether we updated the package lists within the hour, and they are still there."""
    if not any(_LISTS.glob("*_Packages*")):
        return False
    stamp = _updated_stamp()
    return stamp.exists() and time.time() - stamp.stat().st_mtime < _FRESH_S


def fetch_source(package: str, suite: str, into: Path, commands: Commands, log: Path) -> None:
    """Download ``package``'s newest source files of ``suite`` into ``into``, checked by apt, not unpacked.

    Works in an apt state of its own below ``into``: the machine's lists and sources stay untouched.
    """
    options = _read_lists("deb-src", suite, into / "apt", commands, log)
    commands.run(
        ["apt-get", *options, "source", "--download-only", package],
        log=log,
        what=f"downloading the source of {package}",
        hint=f"the mirror of this machine must also carry the sources of Debian {suite}",
        cwd=into,
    )


def extract(packages: Iterable[str], suite: str, into: Path, commands: Commands, log: Path) -> None:
    """Unpack ``packages`` of ``suite`` and all that they depend on into ``into``, checked by apt; nothing is set up.

    Works in an apt state of its own below ``into``, which is removed at the end.
    """
    state = into / "apt"
    wanted = list(packages)
    names = " ".join(wanted)
    options = _read_lists("deb", suite, state, commands, log)
    commands.run(
        ["apt-get", *options, "-y", "--no-install-recommends", "--download-only", "install", *wanted],
        log=log,
        what=f"downloading {names}",
        hint=f"the mirror of this machine must also carry Debian {suite}; try again, {suite} changes daily",
    )
    for archive in sorted((state / "cache" / "archives").glob("*.deb")):
        commands.run(["dpkg-deb", "--extract", str(archive), str(into)], log=log, what=f"unpacking {archive.name}")
    shutil.rmtree(state)


def _read_lists(kind: str, suite: str, state: Path, commands: Commands, log: Path) -> list[str]:
    """Have apt read ``suite``'s lists (``deb`` or ``deb-src``) in a state of its own; its options for more."""
    for directory in ("lists/partial", "cache/archives/partial"):
        (state / directory).mkdir(parents=True)
    (state / "status").touch()
    signed = f"[signed-by={KEYRING}] " if KEYRING.is_file() else ""
    sources = state / "sources.list"
    sources.write_text(f"{kind} {signed}{mirror()} {suite} main\n")
    options = [
        *FRESHNESS_OPTIONS,
        *("-o", f"Dir::Etc::sourcelist={sources}"),
        *("-o", "Dir::Etc::sourceparts=/dev/null"),
        *("-o", f"Dir::State={state}"),
        *("-o", f"Dir::State::lists={state / 'lists'}"),
        *("-o", f"Dir::State::status={state / 'status'}"),
        *("-o", f"Dir::Cache={state / 'cache'}"),
        *("-o", "Acquire::Languages=none"),
        # Root's downloads are normally done as a user who can't write here.
        *("-o", "APT::Sandbox::User=root"),
    ]
    what = {"deb": "packages", "deb-src": "sources"}[kind]
    commands.run(
        ["apt-get", *options, "update"],
        log=log,
        what=f"reading {suite}'s list of {what}",
        hint=f"the mirror of this machine must also carry the {what} of Debian {suite}",
    )
    return options


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _codename() -> str:
    return _os_release().get("VERSION_CODENAME", "")
