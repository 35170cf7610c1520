"""Writes a binary wheel from files that are already built, without any packaging library."""

from __future__ import annotations

import base64
import hashlib
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Zip entries need a date; a constant one makes the same input give the same wheel.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_MODE = 0o100644 << 16


def python_tag() -> str:
    """The interpreter's wheel tag, for example ``cp311``."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}"


def platform_tag() -> str:
    """The platform's wheel tag, for example ``linux_x86_64``."""
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


@dataclass(frozen=True)
class WheelInfo:
    """What a wheel says about itself."""

    name: str
    version: str
    summary: str
    licence: str

    @property
    def tag(self) -> str:
        """Full compatibility tag for the running interpreter."""
        return f"{python_tag()}-{python_tag()}-{platform_tag()}"

    @property
    def filename(self) -> str:
        """File name of the wheel, as pip demands it."""
        return f"{self.name}-{self.version}-{self.tag}.whl"


def pack(info: WheelInfo, files: Mapping[str, Path], directory: Path) -> Path:
    """Write the wheel of ``files`` (name inside the wheel → file) into ``directory``.

    Returns the wheel's path. Raises OSError when a file can't be read or written.
    """
    dist_info = f"{info.name}-{info.version}.dist-info"
    contents = {name: path.read_bytes() for name, path in files.items()}
    contents[f"{dist_info}/METADATA"] = (
        "Metadata-Version: 2.1\n"
        f"Name: {info.name}\n"
        f"Version: {info.version}\n"
        f"Summary: {info.summary}\n"
        f"License: {info.licence}\n"
    ).encode()
    contents[f"{dist_info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: trunkproof\nRoot-Is-Purelib: false\nTag: {info.tag}\n"
    ).encode()
    record = [_record_line(name, data) for name, data in contents.items()]
    contents[f"{dist_info}/RECORD"] = "\n".join([*record, f"{dist_info}/RECORD,,", ""]).encode()

    wheel = directory / info.filename
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            entry.external_attr = _REGULAR_FILE_MODE
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return wheel


def _record_line(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}"
