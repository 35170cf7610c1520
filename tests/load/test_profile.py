"""Load profiles: what is refused, and with which words; the built-in ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.errors import HarnessMisuse
from harness.load.profile import BUILT_IN, LoadProfile, find_load_profile, load_profile
from harness.load.records import Flow
from harness.toml_file import parse_model

PROFILE = """\
name = "x"
duration_s = 60

[arrivals]
rate = 2

[holding]
mean_s = 10

[[mix]]
flow = "inbound"
share = 60

[[mix]]
flow = "ivr"
keys = "12"
share = 40
"""


def parsed(text: str) -> LoadProfile:
    return parse_model(text, LoadProfile, where="x.toml")


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("duration_s = 60", "", r"the key 'duration_s' is missing"),
        ("duration_s = 60", "duration_s = 0", r"x\.toml:2: 'duration_s': Input should be greater than 0"),
        ("rate = 2", "rat = 2", r"x\.toml:5: unknown key 'arrivals\.rat' \(did you mean 'rate'\?\)"),
        ("rate = 2", "", r"x\.toml:4: 'arrivals': process = \"poisson\" needs a rate above 0"),
        ("rate = 2", "rate = -1", r"x\.toml:5: 'arrivals\.rate': Input should be greater than or equal to 0"),
        ("rate = 2", "rate = inf", r"'arrivals\.rate': Input should be a finite number"),
        ("rate = 2", 'process = "random"', r"'arrivals\.process': Input should be 'poisson'"),
        ("rate = 2", "rate = 2\nramp_s = 5", r'process = "poisson" has no ramp_s; it has rate, course'),
        ("rate = 2", 'process = "ramp"\nrate = 2', r'process = "ramp" needs a ramp_s above 0'),
        ("rate = 2", 'process = "spike"\nrate = 2\nspike_s = 1', r'process = "spike" needs a spike_rate above 0'),
        ("rate = 2", 'process = "recorded"', r'process = "recorded" needs a file'),
        ("rate = 2", "rate = 2\ncourse = [{seconds = 5, from_rate = 1}]", r"rate and course exclude one another"),
        (
            "rate = 2",
            'process = "spike"\nrate = 2\nspike_s = 1\nspike_rate = 9\nspike_at_s = 60',
            r"spike_at_s \(60\) is not before duration_s \(60\)",
        ),
        ("mean_s = 10", "mean_s = 4000", r"'holding': mean_s \(4000\) is not between least_s and most_s"),
        ("mean_s = 10", 'distribution = "exponential"', r'distribution = "exponential" needs a mean_s above 0'),
        ("mean_s = 10", 'distribution = "uniform"\nleast_s = 1', r'distribution = "uniform" needs a most_s above 0'),
        ("mean_s = 10", "mean_s = 10\nleast_s = 20\nmost_s = 15", r"least_s \(20\) is more than most_s \(15\)"),
        (
            "mean_s = 10",
            'distribution = "uniform"\nmean_s = 10\nmost_s = 20',
            r'distribution = "uniform" has no mean_s',
        ),
        ("mean_s = 10", 'distribution = "lognormal"\nmean_s = 10', r"needs a deviation_s above 0"),
        ('flow = "inbound"', 'flow = "outbound"', r"'mix\[1\]\.flow': Input should be 'inbound', 'ivr'"),
        ('flow = "inbound"', 'flow = "inbound"\nkeys = "1"', r'only flow = "ivr" presses keys, this is "inbound"'),
        ('flow = "inbound"', 'flow = "ivr"\nkeys = "12"', r"2 lines of \[\[mix\]\] are called 'ivr 12'"),
        ('flow = "inbound"', 'flow = "inbound"\nnumber = "0207"', r"'0207' is not a number in E\.164 form"),
        ("share = 60", "share = 0", r"x\.toml:12: 'mix\[1\]\.share': Input should be greater than 0"),
        ("[holding]", '[customers]\ncountries = { GB = 1, XX = 2 }\n[holding]', r"'XX' is no country"),
        ("[holding]", '[customers]\ncountries = {}\n[holding]', r"customers need a country"),
        ("[holding]", '[media]\ncodecs = ["g729"]\n[holding]', r"'media\.codecs\[1\]': Input should be 'opus', 'pcmu'"),
        ("[holding]", "[criteria]\nmos_p05 = 3\n[holding]", r"unknown key 'criteria\.mos_p05' \(did you mean"),
        ("[holding]", "[criteria]\nmos_p5 = 5\n[holding]", r"'criteria\.mos_p5': Input should be less than"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(good, bad, said):
    with pytest.raises(HarnessMisuse, match=said) as refused:
        parsed(PROFILE.replace(good, bad, 1))
    assert "\n" not in str(refused.value)


def test_lines_of_the_mix_have_names():
    assert [line.name for line in parsed(PROFILE).mix] == ["inbound", "ivr 12"]


@pytest.mark.parametrize(("name", "calls", "lasts_s"), [("smoke", 180, 60), ("go_live", 2400, 600)])
def test_the_built_in_ones(name, calls, lasts_s):
    """Their criteria can be told from so many calls, and their customers are enough for them."""
    profile = load_profile(name)
    assert (profile.name, profile.duration_s) == (name, lasts_s)
    arrivals = profile.arrivals.arrivals(lasts_s)
    assert arrivals.expected(lasts_s) == pytest.approx(calls)
    assert profile.arrivals.rate * (profile.holding.mean() + 15) < profile.customers.count
    shares = {flow: sum(line.share for line in profile.mix if line.flow is flow) for flow in Flow}
    assert shares == {Flow.INBOUND: 60, Flow.IVR: 25, Flow.CALLBACK: 15, Flow.ESCALATION: 0}


def test_found_by_name_or_path(tmp_path: Path):
    assert find_load_profile("smoke") == BUILT_IN / "smoke.toml"
    mine = tmp_path / "mine.toml"
    mine.write_text(PROFILE)
    assert load_profile(str(mine)).name == "x"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smok", r"there is no load profile 'smok' \(did you mean 'smoke'\?\)"),
        ("go-live", r"did you mean 'go_live'\?"),
        ("zzz", r"there are capacity, go_live, smoke, soak, or give the path of a file"),
        ("no/such/file.toml", r"no/such/file\.toml: there is no such file"),
    ],
)
def test_not_found(name, said):
    with pytest.raises(HarnessMisuse, match=said):
        load_profile(name)


def recorded(tmp_path: Path, times: str) -> Path:
    profile = tmp_path / "mine.toml"
    profile.write_text(PROFILE.replace("rate = 2", 'process = "recorded"\nfile = "times.txt"'))
    (tmp_path / "times.txt").write_text(times)
    return profile


def test_a_list_of_times_lies_beside_the_profile(tmp_path: Path):
    profile = load_profile(str(recorded(tmp_path, "# of Monday\n3\n\n1.5\n70\n")))
    arrivals = profile.arrivals.arrivals(profile.duration_s)
    assert arrivals.times == (1.5, 3.0, 70.0)
    assert arrivals.expected(profile.duration_s) == 2


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ("1\nsoon\n", r"times\.txt:2: 'soon' is no time in s such as '12\.5'"),
        ("-1\n", r"times\.txt:1: '-1' is no time of a run"),
        ("nan\n", r"times\.txt:1: 'nan' is no time of a run"),
        ("", r"mine\.toml: \[arrivals\]: no call arrives"),
        ("61\n", r"mine\.toml: \[arrivals\]: no call arrives"),
    ],
)
def test_a_list_that_is_none(tmp_path: Path, times, said):
    with pytest.raises(HarnessMisuse, match=said):
        load_profile(str(recorded(tmp_path, times)))


def test_a_list_that_is_missing(tmp_path: Path):
    profile = recorded(tmp_path, "1\n")
    (tmp_path / "times.txt").unlink()
    with pytest.raises(HarnessMisuse, match=re.escape(f"{tmp_path}/times.txt: there is no such list of times")):
        load_profile(str(profile))


def test_a_course_without_calls(tmp_path: Path):
    mine = tmp_path / "mine.toml"
    mine.write_text(PROFILE.replace("rate = 2", "[[arrivals.course]]\nseconds = 5\nfrom_rate = 0"))
    with pytest.raises(HarnessMisuse, match="no call arrives"):
        load_profile(str(mine))
