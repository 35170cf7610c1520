"""The wheel that is written by hand is one that installers accept."""

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path

from bootstrap.wheel import WheelInfo, pack

INFO = WheelInfo("thing", "1.2", "A thing", "MIT")


def test_every_file_is_recorded_with_its_hash_and_size(tmp_path: Path):
    module = tmp_path / "thing.py"
    module.write_text("ANSWER = 42\n")

    wheel = pack(INFO, {"thing.py": module}, tmp_path)

    with zipfile.ZipFile(wheel) as archive:
        record = list(csv.reader(io.StringIO(archive.read("thing-1.2.dist-info/RECORD").decode())))
        assert {row[0] for row in record} == set(archive.namelist())
        for name, digest, size in record:
            if digest:
                data = archive.read(name)
                expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={expected}", str(len(data)))
        assert f"Tag: {INFO.tag}" in archive.read("thing-1.2.dist-info/WHEEL").decode()


def test_the_same_input_gives_the_same_wheel(tmp_path: Path):
    module = tmp_path / "thing.py"
    module.write_text("")
    first, second = tmp_path / "1", tmp_path / "2"
    for directory in (first, second):
        directory.mkdir()
        pack(INFO, {"thing.py": module}, directory)
    assert (first / INFO.filename).read_bytes() == (second / INFO.filename).read_bytes()
