import base64
import gzip
import json
import re
from html.parser import HTMLParser

import reports
from harness.evidence import slug
from harness.verdict import Blame, Verdict
from reports import page as page_module
from tests.reports.sample_run import crowd, many, scenario, whole_call, write_run

LOADING = {"src", "href", "action", "poster", "data", "srcset", "xlink:href", "background", "formaction"}


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def of(self, tag, kind):
        return [a for t, a in self.seen if t == tag and kind in (a.get("class") or "").split()]


def html(directory):
    return (directory / "report.html").read_text(encoding="utf-8")


def data_blocks(text):
    return [
        json.loads(block) for block in re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    ]


def test_nothing_is_loaded_from_elsewhere(mixed):
    text = html(mixed)
    for tag, attributes in Elements(text).seen:
        for name in LOADING & set(attributes):
            assert tag == "a", (tag, attributes)
            assert attributes[name].startswith("evidence/")
    for style in re.findall(r"<style>(.*?)</style>", text, re.DOTALL):
        assert "url(" not in style
        assert "@import" not in style
    assert "default-src 'none'" in text


def test_each_scenario_is_there_and_failures_are_open(mixed):
    scenarios = Elements(html(mixed)).of("details", "scenario")
    assert len(scenarios) == 8
    opened = {s["data-verdict"] for s in scenarios if "open" in s}
    assert opened == {"fail", "inconclusive"}
    assert all("open" in s for s in scenarios if s["data-verdict"] == "fail")
    assert len({s["id"] for s in scenarios}) == 8


def test_messages_cannot_become_markup(mixed):
    text = html(mixed)
    assert "<script>alert(1)" not in text
    assert any("<script>alert(1)" in m["text"] for block in data_blocks(text) for m in block["messages"])


def test_every_arrow_has_its_message(mixed):
    text = html(mixed)
    arrows = Elements(text).of("g", "msg")
    assert len(arrows) == sum(len(block["messages"]) for block in data_blocks(text))


def test_sound_and_pcap_are_inside(mixed):
    block = data_blocks(html(mixed))[0]
    assert [clip["type"].startswith("audio/") for clip in block["clips"]] == [True, True]
    directory = mixed / "evidence" / slug("A customer reaches an agent and they hear each other 8")
    assert gzip.decompress(base64.b64decode(block["pcap"])) == (directory / "trace.pcap").read_bytes()


def test_silence_and_damage_are_told(mixed):
    text = html(mixed)
    assert 'class="silence"' in text
    assert "ana.wav is no usable WAV file" in text
    assert "2 lines of the SIP trace trace.jsonl could not be read" in text
    assert str(mixed) not in text


def test_names_in_any_script(mixed):
    text = html(mixed)
    for name in ("प्रिया शर्मा 🌸", "ليلى حسن", "佐藤 花子"):
        assert name in text


def test_twenty_five_scenarios_stay_small(tmp_path):
    many(tmp_path, 25)
    assert reports.write(tmp_path).html.stat().st_size < 8_000_000


def test_beyond_the_budget_failures_keep_their_sound(tmp_path, monkeypatch):
    write_run(tmp_path)
    scenario(tmp_path, "A", Verdict.PASS, trace=whole_call(), sound="both", line=1)
    scenario(tmp_path, "B", Verdict.FAIL, blame=Blame.PBX, reason="r", trace=whole_call(), sound="both", line=2)
    monkeypatch.setattr(page_module, "EMBEDDED_BYTES", 60_000)
    passed, failed = data_blocks(html(reports.write(tmp_path).html.parent))
    assert all(failed["clips"])
    assert not all(passed["clips"])


def test_a_crowd_fits_the_page(tmp_path):
    text = html(reports.write(crowd(tmp_path)).html.parent)
    heads = Elements(text).of("svg", "ladder-head")
    assert float(heads[0]["width"]) < 1_000
    assert "10 customers" in text


def test_scenarios_name_their_target_when_there_are_several(tmp_path):
    write_run(tmp_path)
    scenario(tmp_path, "A", Verdict.PASS, line=1, target="reference")
    scenario(tmp_path, "B", Verdict.PASS, line=2, target="reference")
    assert not Elements(html(reports.write(tmp_path).html.parent)).of("span", "ran-on")
    scenario(tmp_path, "C", Verdict.PASS, line=3, target="reference-sites")
    text = html(reports.write(tmp_path).html.parent)
    assert re.findall(r'class="ran-on"[^>]*>([^<]+)<', text) == ["reference", "reference", "reference-sites"]
