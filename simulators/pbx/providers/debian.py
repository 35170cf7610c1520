"""What is known beforehand of Debian's Asterisk packages, which the container's image is made of."""

from __future__ import annotations

from pathlib import PurePosixPath

DOCUMENTATION = PurePosixPath("/usr/share/asterisk/documentation")
OPUS_MODULES = ["codec_opus_open_source.so"]
