"""The repository's virtual environment: made, filled by pip, and known to be up to date by a stamp."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from bootstrap import apt, light_media_recipe
from bootstrap.command import Commands
from bootstrap.errors import BootstrapError

WHERE_POSSIBLE = ("pesq",)
"""Extras that every environment has whose machine can build them."""

_STAMP = "trunkproof-stamp"


class Venv:
    """``.venv`` of the repository at ``repository``."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.path = repository / ".venv"
        self.python = self.path / "bin" / "python"

    def key(self, extras: str, pjsua2: str) -> str:
        """What the environment must hold, in one string: project file, packages, extras, pjsua2, Python."""
        project = (self.repository / "pyproject.toml").read_bytes()
        # An editable install knows the top-level packages that existed when it was made.
        top_level = sorted(path.parent.name for path in self.repository.glob("*/__init__.py"))
        facts = [
            hashlib.sha256(project).hexdigest(),
            top_level,
            extras,
            pjsua2,
            WHERE_POSSIBLE,
            light_media_recipe.source_hash(),
            sys.version,
            str(self.path),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def extra(self, name: str) -> list[str]:
        """What the project's extra ``name`` asks for."""
        project = tomllib.loads((self.repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return list(project["optional-dependencies"][name])

    def is_current(self, keys: set[str]) -> bool:
        """Whether the environment was completely filled for one of ``keys``."""
        stamp = self.path / _STAMP
        return self.python.exists() and stamp.is_file() and stamp.read_text().strip() in keys

    def stamp(self, key: str) -> None:
        """Remember that the environment is complete for ``key``."""
        (self.path / _STAMP).write_text(f"{key}\n")

    def unstamp(self) -> None:
        """Forget it: what follows changes the environment."""
        (self.path / _STAMP).unlink(missing_ok=True)

    def create(self, commands: Commands, progress: Callable[[str], None], log: Path) -> None:
        """Make the environment if there is none for this Python. Raises BootstrapError."""
        if self._usable():
            return
        shutil.rmtree(self.path, ignore_errors=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        if importlib.util.find_spec("ensurepip") is None:
            # Debian keeps this part of Python in a package of its own.
            apt.install([f"python{version}-venv"], commands, progress, log)
        progress(f"creating .venv for Python {version}")
        commands.run(
            [sys.executable, "-m", "venv", str(self.path)],
            log=log,
            what="creating the virtual environment",
            hint=f"Debian needs python{version}-venv",
        )

    def pip(self, arguments: list[str], commands: Commands, log: Path, what: str) -> None:
        """Run pip in the environment. Raises BootstrapError ("``what`` failed")."""
        commands.run(
            [str(self.python), "-m", "pip", "--disable-pip-version-check", *arguments],
            cwd=self.repository,
            log=log,
            what=what,
            hint="check the network and pip's index settings (pip config list)",
        )

    def runs(self, code: str, commands: Commands, log: Path) -> bool:
        """Whether ``code`` runs without error in the environment's Python."""
        try:
            commands.run([str(self.python), "-c", code], log=log, what="checking the virtual environment")
        except BootstrapError:
            return False
        return True

    def _usable(self) -> bool:
        config = self.path / "pyvenv.cfg"
        if not (self.python.exists() and config.is_file()):
            return False
        # A venv of another Python (or whose Python is gone) can't be filled by this one.
        return str(Path(sys.base_prefix)) in config.read_text() and (self.path / "bin" / "pip").exists()
