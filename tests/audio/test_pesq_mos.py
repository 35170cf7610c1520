from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.audio_channels import Channel
from harness.audio import pesq_mos
from harness.audio.pesq_mos import Band, listening_quality, pesq_available
from harness.errors import HarnessMisuse, Inconclusive, NotRun

RATE = 16_000
needs_pesq = pytest.mark.skipif(not pesq_available(), reason="the extra trunkproof[pesq] is not installed")


class RefusedError(Exception):
    """What the stand-in raises in the package's name."""


class StandIn(SimpleNamespace):
    """In the package's place: remembers what it was given, and answers 4.2."""

    PesqError = RefusedError

    def pesq(self, rate_hz, reference, degraded, mode):
        self.given = (rate_hz, reference, degraded, mode)
        if mode == "refuse":
            raise RefusedError("No utterances detected")
        return 4.2


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    package = StandIn()
    monkeypatch.setattr(pesq_mos, "_package", lambda: package)
    yield package


@pytest.mark.parametrize("late_s", [-0.7, 0.0, 0.4, 1.5])
def test_reference_and_sample_are_aligned_and_equally_long(voices, stand_in: StandIn, late_s: float):
    said = voices["customer"]
    heard = np.concatenate([np.zeros(round(max(0, late_s) * RATE)), said[round(max(0, -late_s) * RATE) :]])
    quality = listening_quality(said, heard.astype(np.float32), RATE, Band.WIDE)
    rate_hz, reference, degraded, mode = stand_in.given
    assert (rate_hz, mode, quality.mos) == (RATE, "wb", 4.2)
    assert quality.delay_s == pytest.approx(late_s, abs=0.001)
    assert reference.size == degraded.size
    assert np.abs(reference - degraded).max() < 0.2
    assert np.corrcoef(reference, degraded)[0, 1] > 0.9


def test_labels_say_what_it_is(voices, stand_in: StandIn):
    said = voices["agent"]
    narrow = listening_quality(said, said, RATE, Band.NARROW)
    assert narrow.label == "MOS-LQO (PESQ, P.862.1)"
    assert stand_in.given[0] == 8000
    assert listening_quality(said, said, RATE, Band.WIDE).label == "MOS-LQOw (PESQ, P.862.2)"


def test_without_the_package_it_is_not_run(voices, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pesq_mos, "_package", lambda: None)
    assert not pesq_available()
    with pytest.raises(NotRun, match=r"trunkproof\[pesq\]"):
        listening_quality(voices["agent"], voices["agent"], RATE, Band.NARROW)


def test_a_reference_too_short_is_the_users_mistake(voices, stand_in: StandIn):
    with pytest.raises(HarnessMisuse, match=r"2\.\d s of speech, PESQ needs 3\.2 s"):
        listening_quality(voices["customer"][: 3 * RATE], voices["customer"], RATE, Band.WIDE)


def test_a_rate_too_low_for_the_band_is_the_users_mistake(voices, stand_in: StandIn):
    with pytest.raises(HarnessMisuse, match="8000 Hz are too few"):
        listening_quality(voices["customer"], voices["customer"], 8000, Band.WIDE)


def test_what_does_not_hold_the_reference_cannot_be_judged(voices, stand_in: StandIn):
    for heard in (voices["agent"], np.zeros(5 * RATE, dtype=np.float32), voices["agent"][:0]):
        with pytest.raises(Inconclusive, match="nothing to compare"):
            listening_quality(voices["customer"], heard, RATE, Band.NARROW)
    with pytest.raises(Inconclusive, match="of speech are needed"):
        listening_quality(voices["customer"], voices["customer"][: 2 * RATE], RATE, Band.NARROW)


def test_what_the_package_refuses_cannot_be_judged(voices, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Band.NARROW, "mode", "refuse")
    with pytest.raises(Inconclusive, match="No utterances detected"):
        listening_quality(voices["customer"], voices["customer"], RATE, Band.NARROW)


@needs_pesq
def test_loss_is_heard_in_order(voices):
    said = np.concatenate([voices["customer"], voices["agent"]])
    scores = [
        listening_quality(said, Channel(loss=loss).carry(said, RATE, seed=8), RATE, Band.NARROW).mos
        for loss in (0.0, 0.05, 0.2)
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 3.8
    assert scores[-1] < scores[0] - 0.5


@needs_pesq
def test_the_reference_itself_scores_highest(voices):
    said = voices["customer"]
    assert listening_quality(said, said, RATE, Band.NARROW).mos == pytest.approx(4.549, abs=0.01)
    assert listening_quality(said, said, RATE, Band.WIDE).mos == pytest.approx(4.644, abs=0.01)
