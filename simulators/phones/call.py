"""One call of a phone: pjsua2's callbacks on one side, our commands and events on the other."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterator
from time import monotonic
from typing import Any

import pjsua2 as pj

from harness.messages import Event
from simulators.phones.audio import CallAudio
from simulators.phones.digits import Dialler, DigitListener, HeardDigit, Press
from simulators.phones.endpoint import BRIDGE_RATE_HZ
from simulators.phones.media_watch import NO_MEDIA_REASON, MediaWatch
from simulators.phones.protocol import (
    CallAnswered,
    CallConnected,
    CallEnded,
    CallProgress,
    Codec,
    DigitHeard,
    MediaActive,
    MediaEncryption,
    MediaSecured,
    PhoneSettings,
    RtpReport,
    TransferProgress,
)
from simulators.phones.rtcp_socket import RtcpSocket
from simulators.phones.rtp import packets_in, rtp_report, total
from simulators.phones.sdp import event_rate_hz, shape_answer, shape_offer
from simulators.phones.security import Security, security_in
from simulators.phones.shared import Shared, guarded

RECORDING_DEADLINE_S = 1.0
_PJ_EPENDING = 70002

_METHOD_NAMES = {
    pj.PJSUA_DTMF_METHOD_RFC2833: "rfc4733",
    pj.PJSUA_DTMF_METHOD_SIP_INFO: "sip-info",
}


def call_parameters(code: int = 0, headers: tuple[tuple[str, str], ...] = ()) -> pj.CallOpParam:
    """pjsua2's parameters for one audio stream and nothing else, with ``headers`` on what is sent."""
    parameters = pj.CallOpParam(True)
    parameters.opt.audioCount = 1
    parameters.opt.videoCount = 0
    if hasattr(parameters.opt, "textCount"):
        parameters.opt.textCount = 0
    if code:
        parameters.statusCode = code
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        parameters.txOption.headers.append(header)
    return parameters


class PhoneCall(pj.Call):
    """A call from its first INVITE to its end. ``ended`` is set with the CallEnded event."""

    def __init__(
        self,
        shared: Shared,
        account: pj.Account,
        settings: PhoneSettings,
        name: str,
        codecs: tuple[Codec, ...],
        number: int | None = None,
    ) -> None:
        if number is None:
            super().__init__(account)
        else:
            super().__init__(account, number)
        self.shared = shared
        self.phone = settings.phone
        self.name = name
        self.codecs = codecs
        self.audio = CallAudio(shared.directory / f"{name}.wav", shared.silence, shared.clock, shared.retired)
        self.dialler = Dialler()
        self.call_id = ""
        self.ended = False
        self.end_code = 0
        self._ended_by_us = False
        self._parting: pj.CallOpParam | None = None
        self._silent = False
        self._watch = MediaWatch(settings.drops_silent_after_s, settings.drops_stalled_after_s)
        self._rtcp_socket: RtcpSocket | None = None
        self._connected_at: float | None = None
        self._media_index: int | None = None
        self._media_on = False
        self._codec = ""
        self._event_rate_hz = 0
        self._payload_types = settings.payload_types
        self._digits = DigitListener()
        self._awaits_keys = settings.encryption is MediaEncryption.DTLS
        self._finished_streams: list[RtpReport] = []
        self._packets_before = 0

    def place(self, uri: str, headers: tuple[tuple[str, str], ...]) -> str:
        """Send the INVITE and return its Call-ID. Raises pjsua2.Error."""
        self.shared.endpoint.prefer(self.codecs)
        self.makeCall(uri, call_parameters(headers=headers))
        self.call_id = self.getInfo().callIdString
        return self.call_id

    def respond(self, code: int) -> None:
        """Answer the INVITE with ``code``, at once or as soon as ICE has its candidates. Raises pjsua2.Error."""
        if not self._responded(code):
            self.shared.tasks.append(self._respond_later(code))

    def _responded(self, code: int) -> bool:
        """Whether pjsua takes the answer already. Raises pjsua2.Error."""
        self.shared.endpoint.prefer(self.codecs)
        try:
            self.answer(call_parameters(code))
        except pj.Error as error:
            # pjsua keeps an answer for later when the INVITE has an offer, and refuses it when it has none.
            if error.status != _PJ_EPENDING:
                raise
            return False
        return True

    def _respond_later(self, code: int) -> Iterator[None]:
        # The far end may give up meanwhile.
        with contextlib.suppress(pj.Error):
            while not self.ended and not self._responded(code):
                yield

    def end(self, code: int = 0, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """End the call: CANCEL, BYE, or a refusal with ``code`` (603 when 0). Raises pjsua2.Error."""
        if self.ended:
            return
        self._ended_by_us = True
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONNECTING and info.role == pj.PJSIP_ROLE_UAS:
            # pjsua would report the end at once and, when the ACK is there, send two BYEs.
            self._parting = call_parameters(code, headers)
        else:
            self.hangup(call_parameters(code, headers))

    def leave(self) -> None:
        """End the call because the phone goes out of service: 480 while it rings. Raises pjsua2.Error.

        Waits for no ACK: with the transport gone none could come.
        """
        if self.ended:
            return
        self._ended_by_us = True
        info = self.getInfo()
        unanswered = info.state in (pj.PJSIP_INV_STATE_INCOMING, pj.PJSIP_INV_STATE_EARLY)
        unavailable = unanswered and info.role == pj.PJSIP_ROLE_UAS
        self.hangup(call_parameters(pj.PJSIP_SC_TEMPORARILY_UNAVAILABLE if unavailable else 0))

    def give_up_without_media(self, now: float) -> None:
        """End the call when it has brought nothing for as long as the phone bears. Raises pjsua2.Error."""
        if not self._watch.due(now) or self._ended_by_us or self.ended:
            return
        if self._watch.gone(now, self._heard()):
            self._silent = True
            try:
                self.end(headers=(("Reason", NO_MEDIA_REASON),))
            except pj.Error:
                # Then whoever ends it, it is not this; unless nobody does, and the next look tries again.
                self._silent = self._ended_by_us = False
                raise

    def security(self) -> Security:
        """How far ICE and the exchange of keys have come. Raises pjsua2.Error."""
        return security_in(self.dump(True, ""))

    def tell_when_secured(self) -> None:
        """Emit MediaSecured once it is so. Raises pjsua2.Error."""
        if not self._awaits_keys or self._media_index is None or self.ended:
            return
        now = self.security()
        if now.done:
            self._awaits_keys = False
            self._emit(MediaSecured, suite=now.suite)

    def hold(self, on: bool) -> None:
        """Send the re-INVITE that holds or takes back the call. Raises pjsua2.Error."""
        self.shared.endpoint.prefer(self.codecs)
        parameters = call_parameters()
        if on:
            self.setHold(parameters)
        else:
            parameters.opt.flag = pj.PJSUA_CALL_UNHOLD
            self.reinvite(parameters)

    def transfer(self, uri: str) -> None:
        """Send the REFER of a blind transfer. Raises pjsua2.Error."""
        self.xfer(uri, pj.CallOpParam(True))

    def press(self, press: Press) -> None:
        """Send one RFC 4733 event. Raises pjsua2.Error, also when the far end takes none."""
        parameters = pj.CallSendDtmfParam()
        parameters.method = pj.PJSUA_DTMF_METHOD_RFC2833
        parameters.digits = press.digit
        parameters.duration = press.tone_ms
        self.sendDtmf(parameters)

    def statistics(self) -> RtpReport | None:
        """RTP figures as of now, over all streams of the call; None when it had no media."""
        running = [] if self._media_index is None or self.ended else [rtp_report(self, self._media_index)]
        return total(self._finished_streams + running)

    @guarded
    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        info = self.getInfo()
        self.call_id = info.callIdString or self.call_id
        if info.state == pj.PJSIP_INV_STATE_CONNECTING and info.role == pj.PJSIP_ROLE_UAS:
            self._emit(CallAnswered)
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self._connected_at = monotonic()
            if self._watch.on:
                self._watch.start(self._connected_at, self._heard())
            self._emit(CallConnected, at=self._connected_at)
            if self._parting is not None:
                self.shared.tasks.append(self._part(self._parting))
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._over(info)

    @guarded
    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:
        if prm.e.type != pj.PJSIP_EVENT_TSX_STATE or self._connected_at is not None:
            return
        state = prm.e.body.tsxState
        transaction = state.tsx
        if (
            state.type == pj.PJSIP_EVENT_RX_MSG
            and transaction.role == pj.PJSIP_ROLE_UAC
            and transaction.method == "INVITE"
            and 100 <= transaction.statusCode < 200
        ):
            self._emit(CallProgress, code=int(transaction.statusCode), reason=transaction.statusText)

    @guarded
    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        # pjsua2 hands out pointers into ``info``: it must outlive what is read from it.
        info = self.getInfo()
        for media in info.media:
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            if media.status in (pj.PJSUA_CALL_MEDIA_NONE, pj.PJSUA_CALL_MEDIA_ERROR):
                self._media_on = False
                self.audio.detach()
                continue
            self._media_index = media.index
            self.audio.attach(self.getAudioMedia(media.index))
            was_on, self._media_on = self._media_on, media.status == pj.PJSUA_CALL_MEDIA_ACTIVE
            self._codec = self.getStreamInfo(media.index).codecName.lower()
            if self._media_on and not was_on:
                self._emit(
                    MediaActive,
                    codec=self._codec,
                    recording=str(self.audio.recording),
                    recording_started_at=self.audio.started_at,
                    sample_rate_hz=BRIDGE_RATE_HZ,
                )

    @guarded
    def onStreamDestroyed(self, prm: pj.OnStreamDestroyedParam) -> None:
        # The last moment at which pjsua2 can tell the stream's figures.
        if self._media_index is not None:
            self._finished_streams.append(rtp_report(self, self._media_index))
            self._packets_before += packets_in(self, self._media_index)
            self._media_index = None
        self.audio.detach()

    @guarded
    def onDtmfEvent(self, prm: pj.OnDtmfEventParam) -> None:
        self._report_digits(
            self._digits.heard(prm.digit, int(prm.duration), int(prm.flags)),
            _METHOD_NAMES.get(prm.method, ""),
        )

    @guarded
    def onCallSdpCreated(self, prm: pj.OnCallSdpCreatedParam) -> None:
        if prm.remSdp.wholeSdp:
            prm.sdp.wholeSdp = shape_answer(prm.sdp.wholeSdp)
        else:
            prm.sdp.wholeSdp = shape_offer(prm.sdp.wholeSdp, self._payload_types)
        self._event_rate_hz = event_rate_hz(prm.remSdp.wholeSdp or prm.sdp.wholeSdp)

    @guarded
    def onCallRxOffer(self, prm: pj.OnCallRxOfferParam) -> None:
        self.shared.endpoint.prefer(self.codecs)

    @guarded
    def onCallTxOffer(self, prm: pj.OnCallTxOfferParam) -> None:
        self.shared.endpoint.prefer(self.codecs)

    @guarded
    def onCallTransferRequest(self, prm: pj.OnCallTransferRequestParam) -> None:
        # Nobody would own the call that pjsua2 makes by itself when it follows a REFER.
        prm.statusCode = pj.PJSIP_SC_DECLINE

    @guarded
    def onCallReplaceRequest(self, prm: pj.OnCallReplaceRequestParam) -> None:
        prm.statusCode = pj.PJSIP_SC_DECLINE

    @guarded
    def onCallTransferStatus(self, prm: pj.OnCallTransferStatusParam) -> None:
        self._emit(TransferProgress, code=int(prm.statusCode), final=bool(prm.finalNotify))
        # RFC 5589 section 6.1: having heard of its success, the transferor leaves the call.
        if prm.finalNotify and prm.statusCode // 100 == 2:
            self.end()

    def _part(self, parameters: pj.CallOpParam) -> Iterator[None]:
        """Send the BYE that had to wait for the ACK."""
        # The far end may have been quicker with its own.
        with contextlib.suppress(pj.Error):
            self.hangup(parameters)
        yield

    def _heard(self) -> Hashable:
        """Changes with each RTP or RTCP packet of the far end."""
        if self._media_index is None:
            return self._packets_before, None
        local = self.getMedTransportInfo(self._media_index).localRtcpName
        if self._rtcp_socket is None or self._rtcp_socket.local != local:
            self._rtcp_socket = RtcpSocket(local)
        return self._packets_before + packets_in(self, self._media_index), self._rtcp_socket.last_arrival()

    def _over(self, info: pj.CallInfo) -> None:
        if self.ended:
            return
        self.ended = True
        self.end_code = int(info.lastStatusCode)
        now = monotonic()
        self.dialler.clear()
        self._report_digits(self._digits.finish(), _METHOD_NAMES[pj.PJSUA_DTMF_METHOD_RFC2833])
        self.audio.close()
        event = CallEnded(
            phone=self.phone,
            call=self.name,
            at=now,
            call_id=self.call_id,
            code=self.end_code,
            reason=info.lastReason,
            by_us=self._ended_by_us,
            connected_s=now - self._connected_at if self._connected_at is not None else 0.0,
            recording=self.audio.recording_path,
            rtp=total(self._finished_streams),
            silent=self._silent,
        )
        self.shared.tasks.append(self._report_end(event))

    def _report_end(self, event: CallEnded) -> Iterator[None]:
        """Emit the event when the recording is closed, which the bridge does at its next tick."""
        deadline = event.at + RECORDING_DEADLINE_S
        while not self.audio.complete() and monotonic() < deadline:
            yield
        self.shared.emit(event)

    def _event_ms(self, reckoned_ms: int) -> int:
        """Duration of an RFC 4733 event; pjmedia reckons with 48000 Hz in an Opus stream, come what may."""
        if self._codec != Codec.OPUS or not self._event_rate_hz:
            return reckoned_ms
        return reckoned_ms * 48000 // self._event_rate_hz

    def _report_digits(self, presses: list[HeardDigit], method: str) -> None:
        for press in presses:
            self._emit(DigitHeard, digit=press.digit, duration_ms=press.duration_ms, method=method)

    def _emit(self, kind: type[Event], **values: Any) -> None:
        self.shared.emit(kind(phone=self.phone, call=self.name, **values))  # type: ignore[call-arg]
