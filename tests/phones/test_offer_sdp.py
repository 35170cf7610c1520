from simulators.phones.protocol import PayloadTypes
from simulators.phones.sdp import OPUS_PARAMETERS, event_rate_hz, shape_answer, shape_offer

OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=pjmedia",
        "t=0 0",
        "m=audio 4000 RTP/AVP 96 0 120 121",
        "c=IN IP4 127.0.0.1",
        "a=sendrecv",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:120 telephone-event/48000",
        "a=fmtp:120 0-16",
        "a=rtpmap:121 telephone-event/8000",
        "a=fmtp:121 0-16",
        "",
    ]
)


def offered(sdp):
    return shape_offer(sdp, PayloadTypes())


def test_an_offer_looks_like_metas():
    lines = offered(OFFER).split("\r\n")
    assert "m=audio 4000 RTP/AVP 111 0 126" in lines
    assert "a=rtpmap:111 opus/48000/2" in lines
    assert [line for line in lines if line.startswith("a=fmtp:111")] == [f"a=fmtp:111 {OPUS_PARAMETERS}"]
    assert [line for line in lines if "telephone-event" in line] == ["a=rtpmap:126 telephone-event/8000"]
    assert lines.count("a=ptime:20") == 1
    assert not [line for line in lines if ":96" in line or (":12" in line and ":126" not in line)]


def test_shaping_an_offer_twice_changes_nothing_more():
    assert sorted(offered(offered(OFFER)).split()) == sorted(offered(OFFER).split())


def test_an_answer_keeps_the_numbers_of_the_offer():
    lines = shape_answer(OFFER).split("\r\n")
    assert "m=audio 4000 RTP/AVP 96 0 120 121" in lines
    assert f"a=fmtp:96 {OPUS_PARAMETERS}" in lines
    assert "a=fmtp:96 useinbandfec=1" not in lines


def test_the_rate_of_telephone_events():
    assert event_rate_hz(OFFER) == 48000
    assert event_rate_hz(offered(OFFER)) == 8000
    assert event_rate_hz("v=0\r\n") == 0


def test_numbers_of_a_bridge():
    shaped = shape_offer(OFFER, PayloadTypes(opus=102, events=((103, 48000), (126, 8000))))
    audio = next(line for line in shaped.split("\r\n") if line.startswith("m=audio"))
    assert audio.split()[3] == "102"
    assert audio.split()[-2:] == ["103", "126"]
    assert "a=rtpmap:102 opus/48000/2" in shaped
    assert "a=rtpmap:103 telephone-event/48000\r\na=fmtp:103 0-16\r\na=rtpmap:126 telephone-event/8000" in shaped
