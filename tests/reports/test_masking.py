import base64
import gzip
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from harness.evidence import slug
from harness.masking import mask_message, mask_text
from harness.verdict import Verdict
from tests.reports.sample_run import DIGEST, NONCE, PASSWORD, Trace, scenario, whole_call, write_run


@pytest.mark.parametrize(
    ("text", "gone", "kept"),
    [
        (
            'Authorization: Digest username="1001", realm="pbx", response="6629fae4"',
            "6629fae4",
            'username="1001", realm="pbx"',
        ),
        ("proxy-authorization: DIGEST Username=a,RESPONSE = 6629fae4,uri=x", "6629fae4", "uri=x"),
        ('Authorization: Digest\r\n nonce="a b\\"c",\r\n\tcnonce="ffee"', "ffee", "Digest"),
        ('WWW-Authenticate: Digest realm="r", nonce="abc/123"', "abc/123", 'realm="r"'),
        ('Authentication-Info: nextnonce="n1", rspauth="r1"', "r1", "Authentication-Info"),
        ("Authorization: Bearer eyJhbGciOi", "eyJhbGciOi", "Bearer"),
        ("Authorization: Basic dXNlcjpwdw==", "dXNlcjpwdw==", "Basic"),
        ('response="truncated in the mid', "truncated", "response="),
        ("password = hunter2;next", "hunter2", "next"),
        ('{"password": "hun ter2"}', "hun ter2", "password"),
        ("trunkproof --password hunter2 run", "hunter2", "run"),
        ("Contact: <sip:ana:hunter2@10.0.0.1:5060>", "hunter2", "@10.0.0.1:5060"),
        ('{"raw": "x: Digest response=\\"6629fae4\\", realm=\\"r\\""}', "6629fae4", "realm"),
    ],
)
def test_secrets_go_and_the_rest_stays(text, gone, kept):
    masked = mask_text(text)
    assert gone not in masked
    assert kept in masked


def test_ordinary_text_is_untouched():
    text = (
        "INVITE sip:+44@127.0.0.10:5060;transport=tcp SIP/2.0\r\nCall-ID: a@b\r\nX: no response within 3 s\r\n\r\nv=0"
    )
    assert mask_message(text) == text


@given(st.text(alphabet="ABCDEFabcdef0123456789+/", min_size=30, max_size=60), st.text(max_size=30))
def test_body_keeps_its_length(key, before):
    body = f"{before}\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20\r\nlater {PASSWORD}"
    masked = mask_message(f"INVITE x SIP/2.0\r\nTo: y\r\n\r\n{body}", [PASSWORD])
    assert f"inline:{key}" not in masked
    assert PASSWORD not in masked
    assert len(masked.partition("\r\n\r\n")[2].encode("utf-8", "surrogatepass")) == len(
        body.encode("utf-8", "surrogatepass")
    )


@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(text):
    assert mask_text(mask_text(text)) == mask_text(text)


def test_no_report_holds_a_secret(tmp_path):
    write_run(tmp_path, command=f"trunkproof run --password {PASSWORD}", notes=[f"agents use {PASSWORD}"])
    trace: Trace = whole_call()
    trace.message(
        0.1, "127.0.0.20:5060", "127.0.0.10:5060", "MESSAGE sip:x SIP/2.0", "m1", cseq="1 MESSAGE", branch="m",
        body=f"the word is {PASSWORD}",
    )  # fmt: skip
    name = "A secret scenario"
    scenario(
        tmp_path, name, Verdict.FAIL, trace=trace, sound="both", reason=f"login with {PASSWORD} failed",
        detail=f'Authorization: Digest response="{DIGEST}", nonce="{NONCE}"', facts={"agent_password": "generated-1"},
    )  # fmt: skip
    written = reports.write(tmp_path, secrets=[PASSWORD])
    directory = tmp_path / "evidence" / slug(f"{name} 8")
    made = [written.html, written.summary, written.junit]
    made += [directory / name for name in ("ladder.svg", "ladder.txt", "trace.pcap", "rtp.json")]
    seen = b"".join(path.read_bytes() for path in made)
    # The page's pcap is packed.
    for block in re.findall(
        r'<script type="application/json">(.*?)</script>', written.html.read_text(encoding="utf-8")
    ):
        seen += gzip.decompress(base64.b64decode(json.loads(block)["pcap"]))
    assert b'username="1001"' in seen
    for secret in (PASSWORD, DIGEST, NONCE, "generated-1", "0a4f113b"):
        assert secret.encode() not in seen
