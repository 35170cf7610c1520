"""Mounts below a directory are found before anything there is deleted."""

from pathlib import Path

from bootstrap.mounts import mounts_below

MOUNTINFO = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:5 / /cache/root rw - tmpfs tmpfs rw
31 30 0:6 / /cache/root/proc rw - proc proc rw
32 30 0:7 / /cache/root/dev/with\\040blank rw - tmpfs tmpfs rw
33 22 0:8 / /cache/root-of-another rw - tmpfs tmpfs rw
"""


def test_mounts_at_and_below_a_directory_come_innermost_first():
    assert mounts_below(Path("/cache/root"), MOUNTINFO) == [
        Path("/cache/root/dev/with blank"),
        Path("/cache/root/proc"),
        Path("/cache/root"),
    ]


def test_a_directory_without_mounts_has_none():
    assert mounts_below(Path("/elsewhere"), MOUNTINFO) == []
