"""The media of one call: what SDP says of it, and the engine's stream that does it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from harness.load.records import Party
from simulators.light_phones.ports import MediaEngine, Stream, StreamSettings
from simulators.light_phones.sdp import (
    EVENT_CLOCK_HZ,
    KEY_OCTETS,
    Agreed,
    Codec,
    OwnMedia,
    Security,
    agree,
    make_answer,
    make_offer,
    next_version,
    read_sdp,
)

NO_CALL = 0
"""Stamp of a stream whose call nobody knows yet."""
JITTER_BUFFER_MS = 60
"""Depth by which packets are judged late."""


class CallMedia:
    """``stream`` is there from the first SDP of ours on. Packets flow from the moment at which an offer has its answer;
    they say ``call_number`` and ``party``, by stamps and by tones."""

    def __init__(
        self,
        engine: MediaEngine,
        address: str,
        codecs: tuple[Codec, ...],
        security: Security,
        *,
        jitter_buffer_ms: int = JITTER_BUFFER_MS,
    ) -> None:
        self.call_number = NO_CALL
        self.party = Party.CUSTOMER
        self.stream: Stream | None = None
        self.agreed: Agreed | None = None
        self.report: Any = None
        """The engine's report, once the call is over."""
        self.codecs = codecs
        self._engine = engine
        self._address = address
        self._jitter_buffer_ms = jitter_buffer_ms
        self.security = security
        """Of the offers that we make."""
        self._own: OwnMedia | None = None
        self._offered: OwnMedia | None = None
        self._silent = False
        self._paused = False

    def stamp(self, call_number: int, party: Party) -> None:
        """What packets say from now on."""
        if (call_number, party) != (self.call_number, self.party):
            self.call_number, self.party = call_number, party
            self._start()

    def offer(self) -> str:
        """An offer of ours."""
        self._offered = own = self._next()
        return make_offer(own)

    def answer(self, offer: bytes) -> str:
        """Our answer to an offer. Raises UnacceptableSdpError; everything is as before then."""
        offered = read_sdp(offer)
        text, agreed = make_answer(self._next(), offered)
        self.security = Security.SDES if offered.secure else Security.NONE
        self._agree(agreed)
        return text

    def take_answer(self, answer: bytes) -> None:
        """The answer to our offer. Raises UnacceptableSdpError."""
        if self._offered is None:
            return
        self._agree(agree(self._offered, read_sdp(answer)))

    def silence(self) -> None:
        """Send nothing any more: the call ends."""
        self._silent = True
        self._let_flow(False)

    def close(self) -> None:
        if self.stream is not None:
            self.report = self.stream.close()
            self.stream = None

    def _next(self) -> OwnMedia:
        if self._own is None:
            self.stream = stream = self._engine.open()
            self._own = OwnMedia(
                address=self._address,
                port=stream.port,
                rtcp_port=stream.rtcp_port,
                ssrc=stream.ssrc,
                codecs=self.codecs,
                key=secrets.token_bytes(KEY_OCTETS),
                security=self.security,
                session=secrets.randbits(31),
            )
        else:
            self._own = next_version(self._own, self.security)
        return self._own

    def _agree(self, agreed: Agreed) -> None:
        if agreed == self.agreed:
            return
        media_changed = self.agreed is None or replace(agreed, sends=self.agreed.sends) != self.agreed
        self.agreed = agreed
        if media_changed:
            self._start()
        elif not self._silent:
            self._let_flow(agreed.sends)

    def _start(self) -> None:
        agreed = self.agreed
        if agreed is None or self.stream is None or self._silent:
            return
        self.stream.start(
            StreamSettings(
                remote=agreed.rtp,
                remote_rtcp=agreed.rtcp,
                codec=agreed.codec,
                payload_type=agreed.payload_type,
                event_payload_type=agreed.event,
                event_clock_hz=EVENT_CLOCK_HZ,
                send_key=agreed.send_key,
                receive_key=agreed.receive_key,
                call=self.call_number,
                party=self.party,
                jitter_buffer_ms=self._jitter_buffer_ms,
                tones=True,
            )
        )
        self._let_flow(agreed.sends)

    def _let_flow(self, flows: bool) -> None:
        if self.stream is None or flows is not self._paused:
            return
        self._paused = not flows
        if flows:
            self.stream.resume()
        else:
            self.stream.pause()
