import io

from rich.cells import cell_len
from rich.console import Console

from harness.verdict import Blame, Verdict
from reports.reading import read_run
from reports.terminal import failure_text, print_table
from tests.reports.sample_run import scenario, write_run


def shown(directory, **console):
    file = io.StringIO()
    print_table(directory, Console(file=file, width=80, **console))
    return file.getvalue()


def test_the_table_tells_everything_without_colour(mixed):
    text = shown(mixed, no_color=True)
    assert "\x1b" not in text
    for word in ("passed", "failed", "inconclusive", "not run", "Customer support inbound calling"):
        assert word in text
    assert "Not ready: 2 of 8 scenarios failed on the 8x8 trunk, Asterisk 22.10.1" in text
    assert "2 passed, 2 failed, 3 inconclusive, 1 not run" in text
    assert "The PBX refused the call with 603 Decline" in text


def test_paths_are_whole_and_last(mixed):
    lines = shown(mixed).splitlines()
    assert lines[-3].endswith(str(mixed / "report.html"))
    assert lines[-1].endswith(str(mixed / "junit.xml"))


def test_nothing_but_paths_is_wider_than_the_terminal(mixed):
    text = shown(mixed, no_color=True)
    assert all(cell_len(line) <= 80 for line in text.splitlines() if str(mixed) not in line)


def test_colour_is_used_when_it_can_be(mixed):
    assert "\x1b[" in shown(mixed, force_terminal=True, color_system="standard")


def test_markup_in_names_is_just_text(tmp_path):
    write_run(tmp_path)
    scenario(tmp_path, "A [bold]strange[/bold] name [/]", Verdict.FAIL, blame=Blame.PBX, reason="[red]why[/]")
    text = shown(tmp_path, no_color=True)
    assert "A [bold]strange[/bold] name [/]" in text
    assert "[red]why[/]" in text


def test_failure_text_explains(mixed):
    records = [s.record for s in read_run(mixed).scenarios]
    failed = next(r for r in records if r.verdict is Verdict.FAIL and "hear" in r.name)
    text = failure_text(failed)
    assert text.splitlines()[0] == "FAILED: Ana heard nothing of the customer for 6.0 s, while the customer heard Ana"
    assert "At fault: the PBX" in text
    assert "Step: Then the customer and the agent hear each other (line 15)" in text
    assert all(failure_text(r) == "" for r in records if r.verdict is Verdict.PASS)
