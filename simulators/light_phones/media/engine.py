"""Streams of RTP at one address, sent and received by a thread of the engine in C."""

from __future__ import annotations

import errno
import os
import random
import resource
import threading
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from harness.audio.levels import FRAME_S
from harness.errors import HarnessMisuse, Inconclusive
from harness.load.records import Party
from simulators.light_phones.media.backlog import Backlog
from simulators.light_phones.media.extension import extension
from simulators.light_phones.media.facts import Digit, EngineHealth, FarReport, StampCount, StreamReport, ToneCount
from simulators.light_phones.media.voices import PARTIES, sound
from simulators.light_phones.ports import StreamSettings
from simulators.light_phones.sdp import Codec

KEY_OCTETS = 30
CODECS = (Codec.OPUS, Codec.PCMU, Codec.PCMA)
"""By the number that the engine has for them."""
_NS = 1e9
_MOST_EVENTS = 1024
_CALLS = 1 << 32


@dataclass(frozen=True, slots=True)
class StampHeard:
    """A stream hears a party of a call for the first time, by a stamp or by tones; these take a second to be believed,
    ``at`` is when they began."""

    stream: Stream
    call: int
    party: Party
    at: float


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """A key press begins at a stream (RFC 4733)."""

    stream: Stream
    digit: str
    at: float


class MediaEngine:
    """All streams of one local IPv4 address, and the thread that serves them. Safe to use from several threads.

    Raises Inconclusive when the engine is not built here, HarnessMisuse for what is no IPv4 address. ``threaded``
    False is for tests: nothing moves by itself.
    """

    def __init__(self, address: str, *, threaded: bool = True, seed: int | None = None) -> None:
        module = extension()
        self.address = address
        self._ffi, self._lib = module.ffi, module.lib
        self._sound = sound()
        self._guard = threading.Lock()
        self._streams: dict[int, Stream] = {}
        self._opened = 0
        self._backlog = Backlog()
        self._events = self._ffi.new("lm_event[]", _MOST_EVENTS)
        _allow_files()
        made = self._ffi.new("lm_engine **")
        seed = random.getrandbits(32) if seed is None else seed
        error = self._lib.lm_engine_new(made, address.encode(), self._sound, threaded, seed)
        if error == -errno.EINVAL:
            raise HarnessMisuse(f"{address} is no IPv4 address that a media engine can have")
        if error:
            raise Inconclusive(f"the media engine does not start: {os.strerror(-error)}")
        self._engine: Any = made[0]

    def open(self) -> Stream:
        """A new stream with an even port for RTP and the next one for RTCP; ports are given out in turn, so that one
        that was closed comes again last of all. Raises Inconclusive when there are no ports or files left."""
        made = self._ffi.new("lm_stream **")
        with self._guard:
            engine = self._running()
            self._opened += 1
            number = self._opened
            error = self._lib.lm_open(engine, number, made)
            if error:
                raise Inconclusive(
                    f"no media ports at {self.address} for stream {len(self._streams) + 1}: {os.strerror(-error)}"
                )
            stream = Stream(self, made[0], number, threading.Lock())
            self._streams[number] = stream
        return stream

    def health(self) -> EngineHealth:
        """How the engine did since the last call of this."""
        found = self._ffi.new("lm_health *")
        with self._guard:
            self._lib.lm_engine_health(self._running(), found)
            backlog_drops, streams = self._backlog.look(), len(self._streams)
        return EngineHealth(
            streams=streams,
            packets_sent=found.sent,
            packets_received=found.received,
            send_late_ms=found.late_max_ns / 1e6,
            send_late_p99_ms=found.late_p99_ns / 1e6,
            late_share=found.late / found.sent if found.sent else 0.0,
            skipped=found.skipped,
            send_failed=found.send_failed,
            receive_drops=found.receive_drops,
            backlog_drops=backlog_drops,
            cpu_s=found.cpu_s,
            events_lost=found.events_lost,
        )

    def heard(self) -> list[StampHeard | DigitHeard]:
        """What was heard for the first time since the last call of this, oldest first. Of streams that were closed
        meanwhile nothing is told: their last report has it."""
        told: list[StampHeard | DigitHeard] = []
        with self._guard:
            engine = self._running()
            while count := self._lib.lm_engine_events(engine, self._events, _MOST_EVENTS):
                for at in range(count):
                    event = self._events[at]
                    stream = self._streams.get(event.stream)
                    if stream is None:
                        continue
                    when = event.at_ns / _NS
                    if event.kind == self._lib.LM_DIGIT:
                        told.append(DigitHeard(stream, event.key.decode(), when))
                    else:
                        told.append(StampHeard(stream, event.call, PARTIES[event.party & 1], when))
        return told

    def close(self) -> None:
        """End the thread and close all ports. May be called again."""
        with self._guard:
            engine, self._engine = self._engine, None
            streams = list(self._streams.values())
            self._streams.clear()
        for stream in streams:
            stream._close()
        if engine is not None:
            self._lib.lm_engine_free(engine)

    def __enter__(self) -> MediaEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_engine", None) is not None:
            self.close()

    def _running(self) -> Any:
        if self._engine is None:
            raise HarnessMisuse(f"the media engine at {self.address} is closed")
        return self._engine

    def _forget(self, number: int) -> None:
        with self._guard:
            self._streams.pop(number, None)


class Stream:
    """RTP of one party of a call: its ports are open from the beginning, packets flow once it is started. Made by
    ``MediaEngine.open``. What comes before the start waits in the socket and is heard then."""

    def __init__(self, engine: MediaEngine, handle: Any, number: int, guard: threading.Lock) -> None:
        self._engine = engine
        self._ffi, self._lib = engine._ffi, engine._lib
        self._handle: Any = handle
        self._number = number
        self._guard = guard
        self._event_hz = 8000
        self._last: StreamReport | None = None
        self.port: int = self._lib.lm_port(handle)
        self.ssrc: int = self._lib.lm_ssrc(handle)

    @property
    def rtcp_port(self) -> int:
        return self.port + 1

    def start(self, settings: StreamSettings) -> None:
        """Send and listen as agreed; again, when something else is agreed on (re-INVITE): sequence numbers, stamp
        numbers and statistics go on, and so does SRTP as long as its keys are the same. Raises HarnessMisuse for
        settings that cannot be."""
        made = self._ffi.new("lm_settings *")
        host, port = settings.remote
        made.remote_ip, made.remote_port = _ip(host), port
        rtcp_host, rtcp_port = settings.remote_rtcp or (host, port + 1)
        made.rtcp_ip, made.rtcp_port = _ip(rtcp_host), rtcp_port
        made.codec = CODECS.index(settings.codec)
        made.payload_type = settings.payload_type
        made.event_payload_type = -1 if settings.event_payload_type is None else settings.event_payload_type
        made.event_clock_hz = settings.event_clock_hz
        made.send_secured, made.receive_secured = bool(settings.send_key), bool(settings.receive_key)
        self._ffi.memmove(made.send_key, _key(settings.send_key), KEY_OCTETS)
        self._ffi.memmove(made.receive_key, _key(settings.receive_key), KEY_OCTETS)
        made.call = settings.call % _CALLS
        made.party = PARTIES.index(settings.party)
        made.stamps, made.tones = settings.stamps, settings.tones
        made.jitter_buffer_ms = settings.jitter_buffer_ms
        with self._guard:
            self._event_hz = settings.event_clock_hz
            error = self._lib.lm_start(self._open(), made)
        if error == -errno.EINVAL:
            raise HarnessMisuse(f"{host} is no IPv4 address that RTP can be sent to")
        if error:
            raise Inconclusive(f"no memory for the keys of the stream at port {self.port}")

    def send_digits(self, digits: str, tone_ms: int = 160, gap_ms: int = 80) -> None:
        """Press keys (RFC 4733), one after another, instead of audio. Nothing happens without an agreed payload type of
        telephone-event. Raises HarnessMisuse for what is no key, or when more than 64 would wait."""
        with self._guard:
            error = self._lib.lm_send_digits(self._open(), digits.encode(), tone_ms, gap_ms)
        if error:
            why = "has something that is no key" if error == -errno.EINVAL else "is more than can wait"
            raise HarnessMisuse(f"{digits!r} {why}", suggestion="0 to 9, * # A B C D, 64 at most")

    def pause(self) -> None:
        """Send no RTP (hold). RTCP goes on."""
        with self._guard:
            self._lib.lm_pause(self._open(), 1)

    def resume(self) -> None:
        with self._guard:
            self._lib.lm_pause(self._open(), 0)

    def speak(self) -> None:
        """Speak from now on, where it has said by tones who it is."""
        with self._guard:
            self._lib.lm_speak(self._open())

    def keep(self, packets: int) -> None:
        """Keep the payloads of the next packets that come in time, for the last report. Once in a stream's life."""
        with self._guard:
            if self._lib.lm_keep(self._open(), packets):
                raise Inconclusive(f"no memory for what the stream at port {self.port} hears")

    def report(self) -> StreamReport:
        """What was sent and heard until now; the last one of a closed stream."""
        with self._guard:
            if self._last is not None:
                return self._last
            found = self._ffi.new("lm_report *")
            self._lib.lm_report_stream(self._open(), found)
            return self._read(found)

    def close(self) -> StreamReport:
        """End it, free its ports. May be called again."""
        report = self._close()
        self._engine._forget(self._number)
        return report

    def _close(self) -> StreamReport:
        with self._guard:
            if self._last is None:
                found = self._ffi.new("lm_report *")
                kept = self._kept()
                self._lib.lm_close(self._open(), found)
                self._last = replace(self._read(found), kept=kept)
                self._handle = None
            return self._last

    def _kept(self) -> bytes:
        octets = self._lib.lm_kept(self._open(), self._ffi.NULL, 0)
        if not octets:
            return b""
        into = self._ffi.new("uint8_t[]", octets)
        length = min(self._lib.lm_kept(self._open(), into, octets), octets)
        return bytes(self._ffi.buffer(into, length))

    def _open(self) -> Any:
        if self._handle is None:
            raise HarnessMisuse(f"the stream at port {self.port} is closed")
        return self._handle

    def _read(self, found: Any) -> StreamReport:
        far = None
        if found.far_reports:
            far = FarReport(
                reports=found.far_reports,
                lost_share=found.far_lost_share,
                lost=found.far_lost,
                jitter_ms=found.far_jitter_ms,
                round_trip_ms=found.round_trip_ms if found.round_trip_ms >= 0 else None,
            )
        return StreamReport(
            ssrc=self.ssrc,
            sent=found.sent,
            sent_digits=found.sent_digits,
            send_failed=found.send_failed,
            skipped=found.skipped,
            received=found.received,
            expected=found.expected,
            lost=found.lost,
            late=found.late,
            duplicated=found.duplicated,
            reordered=found.reordered,
            longest_burst=found.longest_burst,
            jitter_ms=found.jitter_ms,
            jitter_max_ms=found.jitter_max_ms,
            first_at=found.first_ns / _NS if found.first_ns else None,
            last_at=found.last_ns / _NS if found.last_ns else None,
            sources=found.sources,
            clock_jumps=found.clock_jumps,
            malformed=found.malformed,
            undecryptable=found.undecryptable,
            elsewhere=found.elsewhere,
            other_payload=found.other_payload,
            unstamped=found.unstamped,
            receive_drops=found.receive_drops,
            stamps=tuple(_stamp(found.stamp[at]) for at in range(found.stamps)),
            tones=tuple(_tone(found.tone[at]) for at in range(found.tones)),
            tones_listened_s=found.tones_listened * FRAME_S,
            digits=tuple(
                Digit(
                    digit=digit.key.decode(),
                    at=digit.at_ns / _NS,
                    duration_ms=digit.duration * 1000 / self._event_hz,
                    ended=bool(digit.ended),
                )
                for digit in (found.digit[at] for at in range(found.digits))
            ),
            far=far,
        )


def _stamp(found: Any) -> StampCount:
    return StampCount(
        call=found.call,
        party=PARTIES[found.party & 1],
        packets=found.packets,
        lost=found.lost,
        first_at=found.first_ns / _NS,
        last_at=found.last_ns / _NS,
        delay_mean_ms=found.delay_mean_ms,
        delay_max_ms=found.delay_max_ms,
    )


def _tone(found: Any) -> ToneCount:
    return ToneCount(
        call=found.call,
        party=PARTIES[found.party & 1],
        frames=found.frames,
        listened=found.listened,
        longest_gap_ms=found.longest_gap * FRAME_S * 1000,
        first_at=found.first_ns / _NS,
        last_at=found.last_ns / _NS,
    )


def _ip(host: str) -> bytes:
    octets = host.encode(errors="replace")
    if len(octets) > 15:
        raise HarnessMisuse(f"{host} is no IPv4 address that RTP can be sent to")
    return octets


def _key(key: bytes) -> bytes:
    if len(key) not in (0, KEY_OCTETS):
        raise HarnessMisuse(f"a key of AES_CM_128_HMAC_SHA1_80 has {KEY_OCTETS} octets, not {len(key)}")
    return key.ljust(KEY_OCTETS, b"\0")


def _allow_files() -> None:
    """Each stream has two sockets: take as many open files as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
