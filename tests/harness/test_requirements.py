"""Reading the requirement catalogue: what is wrong with a file is one line with file, id and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessMisuse
from harness.requirements import Catalogue, load_catalogue

GOOD = """\
source = "Trunks"

[[requirements]]
id = "T01"
level = "MUST"
text = "The PBX answers."
written = "Meta, FAQ"

[[requirements]]
id = "T02"
level = "SHOULD"
text = "The PBX answers soon."
written = "Meta, FAQ"
profiles = ["meta-sdes"]
claim = "calls_customers"

[requirements.advice]
asterisk = "Answer()"
"""


def read(directory: Path, text: str = GOOD, name: str = "a.toml") -> Catalogue:
    (directory / name).write_text(text, encoding="utf-8")
    load_catalogue.cache_clear()
    return load_catalogue(directory)


def test_a_good_file(tmp_path):
    first, second = read(tmp_path)
    assert (first.level, first.profiles, first.untested) == ("MUST", ["*"], "")
    assert first.matters_on("8x8")
    assert not second.matters_on("8x8")
    assert second.advice == {"asterisk": "Answer()"}


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        (
            'level = "SHOULD"',
            'level = "OUGHT"',
            r"a\.toml:11: 'requirements\[T02\]\.level': .*'MUST', 'SHOULD' or 'MAY'",
        ),
        ('claim = "calls', 'claims = "calls', r"a\.toml:\d+: unknown key 'requirements\[T02\]\.claims' .*'claim'"),
        ('"calls_customers"', '"calls_all"', r"a\.toml:15: 'requirements\[T02\]\.claim"),
        ('text = "The PBX answers soon."\n', "", r"a\.toml:9: the key 'requirements\[T02\]\.text' is missing"),
        ('id = "T02"', 'id = "T 02"', r"a\.toml:10: 'requirements\[T 02\]\.id'"),
        ('id = "T02"\n', "", r"a\.toml:9: the key 'requirements\[2\]\.id' is missing"),
        ("asterisk =", "asterix =", r"a\.toml:\d+: 'requirements\[T02\]\.advice\.asterix"),
        ('id = "T02"', 'id = "T01"', r"a\.toml: the id 'T01' is in a\.toml already"),
        ("[[requirements]]", "[[requirement]]", r"a\.toml"),
        ('["meta-sdes"]', "[]", r"a\.toml:14: 'requirements\[T02\]\.profiles'"),
        ('source = "Trunks"', 'source = "Tru', r"a\.toml: not valid TOML"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, wrong, right, says):
    with pytest.raises(HarnessMisuse, match=says) as told:
        read(tmp_path, GOOD.replace(wrong, right))
    assert "\n" not in str(told.value)


def test_an_id_is_in_one_file_only(tmp_path):
    read(tmp_path)
    with pytest.raises(HarnessMisuse, match=r"b\.toml: the id 'T01' is in a\.toml already"):
        read(tmp_path, name="b.toml")


@pytest.mark.parametrize(("asked", "found"), [("T02x", "T02"), ("t01", "T01"), ("nothing like it", "")])
def test_the_nearest_id(tmp_path, asked, found):
    assert read(tmp_path).nearest(asked) == found
