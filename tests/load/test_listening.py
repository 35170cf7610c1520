"""PESQ of sampled calls: which are taken, what an ear scores, what comes of all."""

import numpy as np
import pytest

from harness.audio.pesq_mos import pesq_available
from harness.load.criteria import judge
from harness.load.listening import ListenedEar, ListeningResult, Scale, in_words, listening_result
from harness.load.measures import measure
from harness.load.profile import CriteriaSection, LoadProfile
from harness.load.records import CallRecord, Party
from harness.load.store import LoadStore, read_listening
from harness.load.table import Table
from harness.verdict import Verdict
from scenarios.load.listening import KeptEar, Sampling, in_step, listened, scale_of
from simulators.light_phones.media.voices import spoken
from simulators.light_phones.sdp import Codec
from tests.light_phones.test_media_kept import kept

LOSSY = set(range(20, 420, 9))
needs_pesq = pytest.mark.skipif(not pesq_available(), reason="PESQ is not installed here")


def ear(codec: Codec = Codec.PCMU, other: Codec | None = None, **what) -> KeptEar:
    return KeptEar(
        call=7,
        worker="w0",
        ear=Party.AGENT,
        codecs=(codec.value, (other or codec).value),
        kept=kept(codec, 400, rounds=420, **what),
    )


def heard(mos: float | None, call: int = 1, scale: Scale = Scale.WIDE, why: str = "") -> ListenedEar:
    return ListenedEar(call=call, worker="w0", ear=Party.AGENT, codec="opus", scale=scale, mos=mos, why=why)


def result(*ears: ListenedEar, asked: int = 2, not_measured: str = "") -> ListeningResult:
    return listening_result(asked, Table.of(ListenedEar, ears), not_measured)


def test_calls_are_taken_evenly_and_only_those_that_last() -> None:
    sampling = Sampling(4, 40.0)
    due = [(at, 30.0 if at % 3 == 0 else 5.0) for at in range(40)]
    assert [at for at, holding_s in due if sampling.takes(at, holding_s)] == [6, 15, 27, 36]
    assert not Sampling(4, 0.0).takes(5.0, 30.0)


@needs_pesq
@pytest.mark.parametrize(("codec", "least"), [(Codec.PCMU, 3.1), (Codec.PCMA, 3.1), (Codec.OPUS, 2.9)])
def test_what_came_whole_scores_as_what_was_sent_and_what_lost_a_ninth_worse(codec: Codec, least: float) -> None:
    whole, lossy = listened(ear(codec)), listened(ear(codec, lost=LOSSY))
    assert whole.why == lossy.why == ""
    assert whole.mos is not None and lossy.mos is not None
    assert whole.mos > least
    assert whole.mos == pytest.approx(whole.sent_mos, abs=0.25)
    assert lossy.mos < whole.mos - 0.4
    assert (whole.concealed, whole.seconds) == (0.0, 8.0)
    assert 8 < lossy.concealed < 13


@needs_pesq
def test_somebody_elses_voice_is_not_scored() -> None:
    stranger = KeptEar(
        call=7, worker="w0", ear=Party.CUSTOMER, codecs=("pcmu", "pcmu"), kept=kept(Codec.PCMU, 400, rounds=420)
    )
    found = listened(stranger)
    assert found.mos is None
    assert "not in what was heard" in found.why


@needs_pesq
def test_too_little_says_so() -> None:
    short = KeptEar(call=7, worker="w0", ear=Party.AGENT, codecs=("pcmu", "pcmu"), kept=kept(Codec.PCMU, 60))
    found = listened(short)
    assert found.mos is None
    assert "3.2 s" in found.why


def test_wideband_only_where_all_of_the_way_is() -> None:
    assert scale_of(("opus", "opus")) is Scale.WIDE
    assert scale_of(("opus", "pcmu")) is scale_of(("pcma", "pcma")) is Scale.NARROW


@pytest.mark.parametrize("ahead", [0, 1, 7000, 42_000])
def test_the_round_is_found_where_it_was(ahead: int) -> None:
    said = spoken(Party.AGENT, 8000)
    truth = np.take(said, range(ahead, ahead + 64_000), mode="wrap")
    np.testing.assert_array_equal(in_step(said, 0.3 * truth), truth)


def test_figures_of_a_sample() -> None:
    found = result(heard(4.2), heard(3.9, call=2))
    (score,) = found.scores
    assert (found.calls, score.ears, score.least, score.scale, found.why) == (2, 2, 3.9, "P.862.2", "")
    assert in_words(found) == "PESQ of 2 sampled calls: median 3.90, lowest 3.90 (P.862.2, wideband, 2 ears)"


def test_scales_are_never_mixed() -> None:
    found = result(heard(4.2), heard(2.0, scale=Scale.NARROW))
    assert [(score.scale, score.least) for score in found.scores] == [("P.862.1", 2.0), ("P.862.2", 4.2)]


def test_without_pesq_it_is_not_measured_and_no_number() -> None:
    found = result(not_measured="PESQ is not installed here")
    assert in_words(found) == "PESQ: not measured, PESQ is not installed here"
    (criterion,) = judged(found)
    assert (criterion.verdict, criterion.value) == (Verdict.INCONCLUSIVE, None)
    assert criterion.why == "not measured: PESQ is not installed here"


def test_calls_that_were_not_scored_are_said() -> None:
    found = result(heard(4.0), heard(None, call=2, why="it broke"), asked=3)
    assert found.why == "2 of 3 calls were not scored: it broke"


def judged(found: ListeningResult | None):
    criteria = CriteriaSection(pesq_p5=3.5, cross_talk_calls=None, leaked_channels=None)
    return judge(criteria, measure(Table.of(CallRecord, [])), listening=found)


@pytest.mark.parametrize(("mos", "verdict"), [(3.6, Verdict.PASS), (3.4, Verdict.FAIL)])
def test_a_criterion_of_pesq(mos: float, verdict: Verdict) -> None:
    (criterion,) = judged(result(*(heard(mos, call=n) for n in range(72)), asked=72))
    assert (criterion.measure, criterion.value, criterion.samples, criterion.verdict) == ("pesq_p5", mos, 72, verdict)


def test_few_ears_are_too_few_and_none_are_asked_in_a_search() -> None:
    (criterion,) = judged(result(heard(4.0)))
    assert criterion.verdict is Verdict.INCONCLUSIVE
    assert judged(None) == ()


def test_a_criterion_takes_a_sample() -> None:
    data = {
        "name": "x",
        "duration_s": 9,
        "arrivals": {"process": "constant", "rate": 1},
        "mix": [{"flow": "inbound", "share": 1}],
    }
    with pytest.raises(ValueError, match=r"pesq_p5 takes \[quality\] pesq_sample = 36 or more, not 20"):
        LoadProfile.model_validate(data | {"criteria": {"pesq_p5": 3.5}, "quality": {"pesq_sample": 20}})
    LoadProfile.model_validate(data | {"criteria": {"pesq_p5": 3.5}, "quality": {"pesq_sample": 36}})


def test_ears_are_stored_and_their_file_is_there_only_then(tmp_path) -> None:
    with LoadStore(tmp_path) as store:
        assert not (tmp_path / "load" / "pesq.csv").exists()
        store.add(heard(4.2))
        store.add(heard(None, call=2, why="it broke"))
    found = list(read_listening(tmp_path))
    assert found == [heard(4.2), heard(None, call=2, why="it broke")]
    assert len(read_listening(tmp_path / "nothing")) == 0
