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


def test_an_offer_looks_like_metas():
    lines = shape_offer(OFFER).split("\r\n")
    assert "m=audio 4000 RTP/AVP 111 0 126" in lines
    assert "a=rtpmap:111 opus/48000/2" in lines
    assert [line for line in lines if line.startswith("a=fmtp:111")] == [f"a=fmtp:111 {OPUS_PARAMETERS}"]
    assert [line for line in lines if "telephone-event" in line] == ["a=rtpmap:126 telephone-event/8000"]
    assert lines.count("a=ptime:20") == 1
    assert not [line for line in lines if ":96" in line or (":12" in line and ":126" not in line)]


def test_shaping_an_offer_twice_changes_nothing_more():
    assert sorted(shape_offer(shape_offer(OFFER)).split()) == sorted(shape_offer(OFFER).split())


def test_an_answer_keeps_the_numbers_of_the_offer():
    lines = shape_answer(OFFER).split("\r\n")
    assert "m=audio 4000 RTP/AVP 96 0 120 121" in lines
    assert f"a=fmtp:96 {OPUS_PARAMETERS}" in lines
    assert "a=fmtp:96 useinbandfec=1" not in lines


def test_the_rate_of_telephone_events():
    assert event_rate_hz(OFFER) == 48000
    assert event_rate_hz(shape_offer(OFFER)) == 8000
    assert event_rate_hz("v=0\r\n") == 0
