"""RTP and RTCP figures of a call, read from pjsua2 (RFC 3550)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import pjsua2 as pj

from simulators.phones.protocol import Codec, RtpReport

# Clock of RTP timestamps where it is not the sampling rate: RFC 3551 section 4.5.2, RFC 7587 section 4.1.
_RTP_CLOCKS_HZ: dict[str, int] = {Codec.G722: 8000, Codec.OPUS: 48000}
_OPUS_RTCP_CLOCK_IS_RIGHT = find_spec("pjsua2_build") is not None and hasattr(
    import_module("pjsua2_build"), "OPUS_RTCP_CLOCK_HZ"
)
"""Only the wheel that bootstrap builds has that module; the published one counts as unpatched."""


def rtp_report(call: pj.Call, media_index: int) -> RtpReport:
    """Figures of a running stream. Raises pjsua2.Error when there is none."""
    # pjsua2 hands out pointers into these two: they must outlive what is read from them.
    stream = call.getStreamInfo(media_index)
    figures = call.getStreamStat(media_index)
    statistics = figures.rtcp
    transport = call.getMedTransportInfo(media_index)
    received, sent = statistics.rxStat, statistics.txStat
    parameters = stream.audCodecParam
    frame_ms = parameters.info.frameLen
    codec = stream.codecName.lower()
    # An unpatched pjmedia keeps Opus's timestamps at 48000 Hz but its RTCP clock at the rate the far end asked for.
    jitter_known = codec != Codec.OPUS or _OPUS_RTCP_CLOCK_IS_RIGHT or stream.codecClockRate == _RTP_CLOCKS_HZ[codec]
    return RtpReport(
        codec=codec,
        clock_rate_hz=_RTP_CLOCKS_HZ.get(codec, stream.codecClockRate),
        payload_type=stream.txPt,
        ptime_ms=frame_ms * parameters.setting.frmPerPkt,
        local=transport.localRtpName,
        remote=stream.remoteRtpAddress,
        received_packets=received.pkt,
        received_bytes=received.bytes,
        received_lost=received.loss,
        received_discarded=received.discard,
        received_reordered=received.reorder,
        received_jitter_ms=received.jitterUsec.mean / 1000 if jitter_known else 0.0,
        sent_packets=sent.pkt,
        sent_bytes=sent.bytes,
        sent_lost=sent.loss,
        sent_jitter_ms=sent.jitterUsec.mean / 1000 if jitter_known else 0.0,
        round_trip_ms=statistics.rttUsec.mean / 1000,
        jitter_known=jitter_known,
    )


def packets_in(call: pj.Call, media_index: int) -> int:
    """RTP packets and RTCP reports that a running stream got. Raises pjsua2.Error when there is none."""
    figures = call.getStreamStat(media_index)
    # What we know of our own stream's reception comes from the far end's reports.
    return int(figures.rtcp.rxStat.pkt) + int(figures.rtcp.txStat.updateCount)


_COUNTS = (
    "received_packets",
    "received_bytes",
    "received_lost",
    "received_discarded",
    "received_reordered",
    "sent_packets",
    "sent_bytes",
    "sent_lost",
)


def total(reports: Sequence[RtpReport]) -> RtpReport | None:
    """One report for all streams that a call had one after the other (hold, re-INVITE), oldest first.

    Counts are added; codec, addresses, jitter and round trip are those of the latest stream.
    """
    if not reports:
        return None
    return replace(reports[-1], **{name: sum(getattr(report, name) for report in reports) for name in _COUNTS})
