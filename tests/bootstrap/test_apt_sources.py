"""Which mirror is read from a machine's apt configuration."""

from pathlib import Path

import pytest

from bootstrap.apt import Source, choose_mirror, parse_deb822, parse_one_line, read_sources

DEB822 = """\
# the release itself
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/some.gpg

Types: deb
URIs: http://mirror.example/off
Suites: bookworm
Components: main
Enabled: no
"""


def test_one_line_entries_are_read_with_and_without_options():
    text = (
        "# deb http://commented.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/some/key.gpg] http://a.example/debian bookworm main contrib # why\n"
        "deb-src http://a.example/debian bookworm main\n"
        "\n"
        "nonsense here\n"
    )
    assert list(parse_one_line(text)) == [
        Source("deb", "http://a.example/debian", "bookworm", ("main", "contrib")),
        Source("deb-src", "http://a.example/debian", "bookworm", ("main",)),
    ]


def test_deb822_stanzas_are_read_with_continuation_lines_and_without_disabled_ones():
    sources = list(parse_deb822(DEB822))
    assert [(source.kind, source.suite) for source in sources] == [
        ("deb", "bookworm"),
        ("deb", "bookworm-updates"),
        ("deb-src", "bookworm"),
        ("deb-src", "bookworm-updates"),
    ]
    assert {source.uri for source in sources} == {"http://mirror.example/debian/"}
    assert sources[0].components == ("main", "contrib")


@pytest.mark.parametrize(
    ("source", "mirror"),
    [
        (Source("deb", "http://m.example/debian/", "bookworm", ("main",)), "http://m.example/debian"),
        (Source("deb", "http://m.example/debian", "stable", ("main",)), "http://m.example/debian"),
        (Source("deb", "http://m.example/debian-security", "bookworm-security", ("main",)), None),
        (Source("deb", "http://vendor.example/apt", "nodistro", ("main",)), None),
        (Source("deb-src", "http://m.example/debian", "bookworm", ("main",)), None),
        (Source("deb", "cdrom:[Debian]/", "bookworm", ("main",)), None),
        (Source("deb", "http://m.example/debian", "bookworm", ("contrib",)), None),
    ],
)
def test_only_an_entry_for_the_release_itself_is_a_mirror(source: Source, mirror: str | None):
    assert choose_mirror([source], "bookworm") == mirror


def test_the_files_of_an_apt_directory_are_read_in_order_and_others_left_alone(tmp_path: Path):
    (tmp_path / "sources.list").write_text("deb http://first.example/debian bookworm main\n")
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "b.sources").write_text(DEB822)
    (parts / "a.list").write_text("deb http://second.example/debian bookworm main\n")
    (parts / "c.list.disabled").write_text("deb http://never.example/debian bookworm main\n")

    uris = list(dict.fromkeys(source.uri for source in read_sources(tmp_path)))

    assert uris == [
        "http://first.example/debian",
        "http://second.example/debian",
        "http://mirror.example/debian/",
    ]


def test_a_machine_without_apt_has_no_sources(tmp_path: Path):
    assert read_sources(tmp_path / "etc" / "apt") == []
