from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessMisuse
from harness.target import BUILT_IN, Target, load_target
from harness.toml_file import parse_model

REFERENCE = (BUILT_IN / "reference.toml").read_text(encoding="utf-8")


def test_the_built_in_target_is_complete() -> None:
    target = load_target("reference")
    assert len(target.agents.extensions) == 124
    assert target.trunk.addresses[-1] == "127.0.0.41"
    for name, files in target.prompts.items():
        for language, path in files.items():
            assert path.is_file(), (name, language)


@pytest.mark.parametrize(
    ("good", "bad", "line"),
    [
        ("ring_s = 3", "ring_z = 3", r"x\.toml:\d+: unknown key 'queues\[1\]\.ring_z' \(did you mean 'ring_s'\?\)"),
        ("timezone =", "timezon =", r"x\.toml:\d+: unknown key 'pbx\.timezon' \(did you mean 'timezone'\?\)"),
        (
            'timezone = "Europe/London"',
            'timezone = "London"',
            r"x\.toml:\d+: 'pbx\.timezone': 'London' is not a time zone",
        ),
        ('"+442079460199"', '"02079460199"', r"x\.toml:\d+: 'numbers\[\d+\]\.number': .* E\.164"),
        ('queue = "support-a"', 'queue = "suport-a"', r"x\.toml: number \+442079460100 names the queue 'suport-a'"),
        (
            'trunk_address = "127.0.0.21"',
            'trunk_address = "127.0.0.99"',
            r"x\.toml: queue 'support-b' names the trunk address 127\.0\.0\.99, which is not in \[trunk\]",
        ),
        ('hours = "Mon-Fri 08:00-18:00"', 'hours = "always"', r"x\.toml:\d+: 'numbers\[1\]\.hours': .*Mon-Fri 09:00"),
        ('password = "generated"', 'password = "env:NO_SUCH_VARIABLE_HERE"', r"NO_SUCH_VARIABLE_HERE is not set"),
        ('"1001-1010", "1101', '"1010-1001", "1101', r"x\.toml:\d+: 'agents\.extensions'"),
        ('host = "127.0.0.10"', "", r"x\.toml:\d+: the key 'pbx\.host' is missing"),
        ("retention_days = 30", "retention_days = 0", r"x\.toml:\d+: 'recordings\.retention_days'"),
        ('refuse_digit = "9"', 'refuse_digit = "99"', r"x\.toml:\d+: 'recordings\.refuse_digit'"),
        ('access = "http"', 'access = "directory"', r"x\.toml:\d+: 'recordings': .*needs the key 'directory'"),
        ('access = "http"', 'access = "ftp"', r"x\.toml:\d+: 'recordings\.access'.*'http'"),
        ('adapter = "asterisk-reference"', "", r"x\.toml: \[recordings\] access = \"http\" needs the key 'url'"),
        ('resume = "*8"', "", r"x\.toml:\d+: 'recordings': .*pause and resume belong together"),
        ('pause = "*7"', 'pause = "star"', r"x\.toml:\d+: 'recordings\.pause'"),
        (
            'listen = "*91{agent}"',
            'listen = "*91"',
            r"x\.toml:\d+: 'supervision\.listen': '\*91' is no dial code: .*\{agent\}",
        ),
        (
            '[supervision]\nextensions = ["1901-1904"]',
            '[supervision]\nextensions = ["1999"]',
            r"x\.toml: \[supervision\] names the supervisor 1999, who is not in \[agents\]",
        ),
        (
            '[supervision]\nextensions = ["1901-1904"]',
            '[supervision]\nextensions = ["1001"]',
            r"x\.toml: \[supervision\] names the supervisor 1001, who serves a queue",
        ),
        ("[pbx]", "[pbx", r"x\.toml: not valid TOML: .*line \d+"),
    ],
)
def test_a_wrong_file_gets_one_line_with_place_and_help(good: str, bad: str, line: str) -> None:
    assert good in REFERENCE
    with pytest.raises(HarnessMisuse, match=line) as caught:
        parse_model(REFERENCE.replace(good, bad, 1), Target, where="x.toml")
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "my_pbx.toml").write_text("")
    with pytest.raises(HarnessMisuse, match=r"no such file \(did you mean .*my_pbx\.toml\?\)"):
        load_target(str(tmp_path / "my_pxb.toml"))


def test_secrets_are_not_shown() -> None:
    assert "generated" not in repr(load_target("reference").agents)


def test_tls_has_its_own_port_unless_told_otherwise() -> None:
    tls = REFERENCE.replace("port = 5060\n", "").replace('transport = "udp"', 'transport = "tls"', 1)
    target = parse_model(tls, Target, where="x.toml")
    assert (target.pbx.port, target.trunk.port) == (5061, 5061)
    told = parse_model(tls.replace('transport = "tls"', 'transport = "tls"\nport = 5071', 1), Target, where="x.toml")
    assert (told.pbx.port, told.trunk.port) == (5071, 5061)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(HarnessMisuse, match="certificate and key need each other"):
        parse_model(REFERENCE.replace('profile = "8x8"', 'certificate = "trunk.pem"', 1), Target, where="x.toml")
