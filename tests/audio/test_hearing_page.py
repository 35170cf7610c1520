"""The page on hearing shows every detector on every channel; its figures are the benchmark's, not compared here."""

import re
from pathlib import Path

import pytest

from benchmarks.audio_channels import CODECS, Channel, available_codecs
from benchmarks.audio_detectors import BEGIN, END, Row, channels, page_tables, with_figures
from benchmarks.audio_trial import Tally
from benchmarks.audio_trials import TRIALS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hearing.md"
SLOW = ("prompt", "order")
FIGURES = re.compile(r"\d+/\d+ · \d+/\d+")


def shape(tables: str) -> list[str]:
    """Tables without their figures."""
    return re.sub(r"\| \d+\.\d \|", "| ms |", FIGURES.sub("figures", tables)).strip().splitlines()


def test_page_has_every_detector_on_every_channel():
    page = PAGE.read_text(encoding="utf-8")
    shown = page.partition(BEGIN)[2].partition(END)[0]
    rows = [Row(str(channel), {trial.name: Tally() for trial in TRIALS}) for channel in channels(tuple(CODECS))]
    assert shape(shown) == shape(page_tables(rows))


def test_page_names_every_module():
    page = PAGE.read_text(encoding="utf-8")
    for trial in TRIALS:
        assert trial.of.count(";") == 1
    modules = {path.stem for path in (PAGE.parents[1] / "harness" / "audio").glob("*.py")}
    plumbing = {"__init__", "blocks", "g711", "levels", "polyphase", "wav", "waveform"}
    assert {name for name in modules - plumbing if f"`{name}`" not in page} == set()


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="no place for figures"):
        with_figures("# Hearing\n", "| |")


def test_new_figures_replace_the_old_ones():
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_figures(page, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize("trial", [one for one in TRIALS if one.name not in SLOW], ids=lambda one: one.name)
def test_every_trial_has_both_sides_and_a_telephone_line_passes_them(trial):
    tally = Tally()
    trial.run(Channel(), tally)
    assert tally.tries > 0
    assert tally.clean > 0
    assert (tally.hits, tally.false_alarms) == (tally.tries, 0)
    assert tally.sound_s > 0


def test_codecs_of_the_trials_are_those_whatsapp_and_trunks_use():
    assert {"pcmu", "pcma", "gsm", "opus-12k", "opus-16k", "opus-20k"} <= set(CODECS)
    assert set(available_codecs()) <= set(CODECS)
