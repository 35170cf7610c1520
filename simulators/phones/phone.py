"""A phone: one SIP user agent with its own address, transport and account."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic

import pjsua2 as pj

from harness.errors import HarnessMisuse, Inconclusive
from simulators.phones.call import PhoneCall, call_parameters
from simulators.phones.headers import header_value, name_addr, parse_identity
from simulators.phones.protocol import CallIncoming, Codec, MediaEncryption, PhoneSettings, Registered, Registration
from simulators.phones.shared import Shared, guarded

UNREGISTER_DEADLINE_S = 2.0
SRTP_SUITE = "AES_CM_128_HMAC_SHA1_80"

_TRANSPORTS = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP}
_KEYINGS = {
    MediaEncryption.SDES: pj.PJMEDIA_SRTP_KEYING_SDES,
    MediaEncryption.DTLS: pj.PJMEDIA_SRTP_KEYING_DTLS_SRTP,
}


class Phone(pj.Account):
    """A phone that is switched on. ``address`` is its SIP ``ip:port``."""

    def __init__(self, shared: Shared, settings: PhoneSettings) -> None:
        super().__init__()
        self.shared = shared
        self.settings = replace(settings, codecs=usable_codecs(shared, settings.codecs))
        self._registered = False
        self._unregistering = False
        self._transport = self._open_transport()
        self.address = shared.endpoint.transportGetInfo(self._transport).localName
        try:
            self.create(_account_config(self.settings, self._transport), False)
        except pj.Error as error:
            shared.endpoint.transportClose(self._transport)
            raise Inconclusive(f"phone {settings.phone}: {error.reason}") from error
        shared.endpoint.accounts[self.address] = self.getId()
        shared.endpoint.codecs_of_account[self.getId()] = self.settings.codecs
        shared.endpoint.note(f"phone {settings.user} at {self.address}")

    @property
    def name(self) -> str:
        return self.settings.phone

    def place(
        self, call_name: str, uri: str, codecs: tuple[Codec, ...], headers: tuple[tuple[str, str], ...]
    ) -> PhoneCall:
        """Send an INVITE. Raises pjsua2.Error, or Inconclusive when no codec is at hand."""
        chosen = usable_codecs(self.shared, codecs) if codecs else self.settings.codecs
        call = PhoneCall(self.shared, self, self.settings, call_name, chosen)
        call.audio.play(self.settings.plays, True)
        call.place(uri, headers)
        self.shared.calls[call_name] = call
        return call

    def switch_off(self) -> Iterator[None]:
        """End calls, unregister and close the transport; each step waits a bounded time."""
        for call in self._calls():
            # One that the far end is just ending refuses to be ended twice.
            with contextlib.suppress(pj.Error):
                call.leave()
        if self._registered:
            self._unregistering = True
            deadline = monotonic() + UNREGISTER_DEADLINE_S
            with contextlib.suppress(pj.Error):
                self.setRegistration(False)
            while self._registered and monotonic() < deadline:
                yield
        endpoint = self.shared.endpoint
        endpoint.accounts.pop(self.address, None)
        endpoint.codecs_of_account.pop(self.getId(), None)
        self.shutdown()
        # pjsip keeps the socket until the transactions that use it (BYE) are over.
        with contextlib.suppress(pj.Error):
            endpoint.transportClose(self._transport)

    @guarded
    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        self._registered = prm.code // 100 == 2 and prm.expiration > 0
        if not self._unregistering:
            self.shared.emit(Registered(phone=self.name, code=int(prm.code), reason=prm.reason))

    @guarded
    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        if self.settings.one_call_at_a_time and self._calls():
            pj.Call(self, prm.callId).hangup(call_parameters(pj.PJSIP_SC_BUSY_HERE))
            return
        self.shared.incoming[self.name] += 1
        name = f"{self.name}-{self.shared.incoming[self.name]}"
        invite = prm.rdata.wholeMsg
        call = PhoneCall(self.shared, self, self.settings, name, self.settings.codecs, prm.callId)
        call.call_id = call.getInfo().callIdString
        self.shared.calls[name] = call
        try:
            call.audio.play(self.settings.plays, True)
        except HarnessMisuse:
            # It was fine when the phone was switched on; a call without voice is still a call.
            call.audio.play("", True)
        call.respond(pj.PJSIP_SC_RINGING)
        caller = parse_identity(header_value(invite, "From"))
        self.shared.emit(
            CallIncoming(
                phone=self.name,
                call=name,
                call_id=call.call_id,
                from_user=caller.user,
                from_display=caller.display,
                asserted=header_value(invite, "P-Asserted-Identity"),
                invite=invite,
            )
        )

    def _calls(self) -> list[PhoneCall]:
        """Those of this phone that have not ended."""
        return [call for call in self.shared.calls.values() if call.phone == self.name and not call.ended]

    def _open_transport(self) -> int:
        registration = self.settings.registration
        protocol = registration.transport if registration is not None else "udp"
        if protocol not in _TRANSPORTS:
            raise Inconclusive(f"phone {self.name}: transport {protocol!r} is not one of {', '.join(_TRANSPORTS)}")
        config = pj.TransportConfig()
        config.boundAddress = self.settings.address
        config.port = 0
        try:
            return int(self.shared.endpoint.transportCreate(_TRANSPORTS[protocol], config))
        except pj.Error as error:
            raise Inconclusive(
                f"phone {self.name}: no {protocol.upper()} port at {self.settings.address}: {error.reason}"
            ) from error


def usable_codecs(shared: Shared, wanted: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """Those of ``wanted`` that this build has, in the same order. Raises Inconclusive when none is left."""
    usable = tuple(codec for codec in wanted if codec in shared.endpoint.codecs)
    if not usable:
        raise Inconclusive(f"this build of pjsua2 has none of the codecs {', '.join(wanted) or '(none asked for)'}")
    return usable


def _account_config(settings: PhoneSettings, transport: int) -> pj.AccountConfig:
    config = pj.AccountConfig()
    config.idUri = name_addr(settings.display_name, settings.user, settings.domain)
    config.sipConfig.transportId = transport
    if settings.registration is not None:
        _add_registration(config, settings.registration)

    nat = config.natConfig
    nat.iceEnabled = False
    nat.contactRewriteUse = 0
    nat.viaRewriteUse = 0
    nat.sdpNatRewriteUse = 0
    nat.sipOutboundUse = 0
    nat.udpKaIntervalSec = 0

    media = config.mediaConfig
    media.transportConfig.boundAddress = settings.address
    media.transportConfig.port = 0
    # Keys pass in the clear between phone and trunk, which are one machine.
    media.srtpSecureSignaling = 0
    media.srtpUse = pj.PJMEDIA_SRTP_DISABLED
    media.rtcpMuxEnabled = False
    if settings.encryption is not MediaEncryption.NONE:
        _add_srtp(media, settings.encryption)
    if settings.ice:
        _add_ice(nat)
    media.streamKaEnabled = False
    # A "codec lock" is an UPDATE or re-INVITE by us after an answer with several codecs.
    media.lockCodecEnabled = False

    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
    config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
    config.presConfig.publishEnabled = False
    config.mwiConfig.enabled = False
    return config


def _add_srtp(media: pj.AccountMediaConfig, encryption: MediaEncryption) -> None:
    """SRTP as Meta does it: one suite (Meta's SIP page), RTCP on the same port."""
    media.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
    suite = pj.SrtpCrypto()
    suite.name = SRTP_SUITE
    media.srtpOpt.cryptos.append(suite)
    media.srtpOpt.keyings.append(_KEYINGS[encryption])
    media.rtcpMuxEnabled = True


def _add_ice(nat: pj.AccountNatConfig) -> None:
    """ICE with one candidate, that of the phone's address."""
    nat.iceEnabled = True
    # The UPDATE after the checks is one that Meta never sends.
    nat.iceAlwaysUpdate = False


def _add_registration(config: pj.AccountConfig, registration: Registration) -> None:
    parameter = "" if registration.transport == "udp" else f";transport={registration.transport}"
    config.regConfig.registrarUri = f"sip:{registration.registrar}{parameter}"
    config.regConfig.registerOnAdd = True
    config.regConfig.timeoutSec = registration.expires_s
    # One REGISTER, one result: who asked for the registration decides about another try.
    config.regConfig.retryIntervalSec = 0
    credentials = pj.AuthCredInfo("digest", "*", registration.username, 0, registration.password)
    config.sipConfig.authCreds.append(credentials)
