"""sippy's transaction layer on one side of the trunk, with our edge in place of its sockets."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from hashlib import md5
from typing import Any, Protocol

from sippy.Network_server import Remote_address
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import RINGING, TRYING, SipTMRetransmitO, SipTransactionManager
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import Timeout

from harness.sip.reasons import reason_of

Address = tuple[str, int]

_UNKNOWN_SCHEME = re.compile(r"[^\s/]+ (?!(?i:sips?|tel):)(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):\S* SIP/2\.0\r?\n")
"""A request to a URI that the trunk does not know (RFC 3261 section 8.2.2.1)."""
T2_S = 4.0
"""RFC 3261 section 17.1.2.2."""
_MAY_REQUIRE = frozenset({"INVITE", "OPTIONS", "BYE", "INFO", "UPDATE"})
"""Methods that the trunk may take; ACK and CANCEL require nothing (RFC 3261 section 20.32)."""

log = logging.getLogger(__name__)


class Outlet(Protocol):
    """Where a side's messages go: the edge."""

    def __call__(self, text: str, destination: Address) -> None: ...


class UnparsableError(Exception):
    """sippy cannot read a message that passed the edge's own parser; ``code`` is what answers it. The text is one
    line."""

    def __init__(self, why: str, code: int = 400) -> None:
        super().__init__(why)
        self.code = code


class _QuietLog:
    """sippy's SIP log; the edge's trace has every message already."""

    def write(self, *_arguments: Any, **_keywords: Any) -> None:
        return


class _InProcessOptions:
    """What sippy asks of a server's options."""

    ploss_out_rate = 0.0
    pdelay_out_max = 0.0
    flags = 0

    def __init__(self, local: Address, incoming: Callable[..., None]) -> None:
        self.local = local
        self.incoming = incoming

    @staticmethod
    def isWildCard() -> bool:
        return False


class _InProcessServer:
    """Takes the place of sippy's UDP server: sends through the outlet and has no socket."""

    transport = "udp"

    def __init__(self, config: dict[str, Any], options: _InProcessOptions) -> None:
        self.uopts = options
        self._outlet: Outlet = config["outlet"]

    def getSIPaddr(self) -> tuple[Address, str]:
        return self.uopts.local, self.transport

    @staticmethod
    def addr2str(address: Address) -> str:
        return f"{address[0]}:{address[1]}"

    def send_to(self, text: str, address: Address) -> None:
        self._outlet(text, address)

    def shutdown(self) -> None:
        return


class SideTransactions(SipTransactionManager):
    """Transactions of one side. ``local`` is the address in our Via and Contact headers, ``extensions`` are option
    tags that requests may require (RFC 3261 section 19.2)."""

    model_udp_server = (_InProcessServer, _InProcessOptions)

    def __init__(
        self,
        local: Address,
        outlet: Outlet,
        on_request: Callable[[Any, Any], Any],
        extensions: Collection[str] = (),
    ) -> None:
        self.config: dict[str, Any] = {
            "_sip_address": local[0],
            "_sip_port": local[1],
            "_sip_logger": _QuietLog(),
            "outlet": outlet,
        }
        super().__init__(self.config, on_request)
        self._extensions = frozenset(extensions)
        self._held: list[tuple[str, Callable[[], None]]] | None = None
        self.config["_sip_tm"] = self
        self._server = self.l4r.getServer(local)

    def receive(self, text: str, source: Address, transport: str) -> None:
        """A message that came. Raises UnparsableError.

        Does what sippy's ``handleIncoming`` does, but tells the edge when a message cannot be parsed, so
        that it can be answered 400, instead of printing it.
        """
        checksum = md5(text.encode(), usedforsecurity=False).digest()
        repeated = self.l1rcache.get(checksum) or self.l2rcache.get(checksum)
        if repeated is not None:
            if repeated.data is not None:
                self.transmitData(repeated.userv, repeated.data, repeated.address)
            return
        remote = Remote_address(source, transport)
        if unknown := _UNKNOWN_SCHEME.match(text):
            raise UnparsableError(f"the URI's scheme is '{unknown['scheme'][:40]}'", 416)
        if text.startswith("SIP/2.0 "):
            self._receive_response(text, remote, checksum)
        else:
            self._receive_request(text, remote, checksum)

    def _receive_response(self, text: str, remote: Remote_address, checksum: bytes) -> None:
        try:
            response = SipResponse(text)
            transaction = self.tclient.get(response.getTId(True, True))
        except Exception as broken:
            self.l1rcache[checksum] = SipTMRetransmitO()
            raise UnparsableError(_one_line(broken)) from broken
        if transaction is None:
            return
        response.rtime = MonoTime()
        response.setSource(remote)
        self.incomingResponse(response, transaction, checksum)

    def _receive_request(self, text: str, remote: Remote_address, checksum: bytes) -> None:
        try:
            request = SipRequest(text)
            identifiers = request.getTIds()
            via = request.getHFBody("via")
            for name in ("from", "to", "contact", "record-route", "route", "max-forwards", "expires"):
                request.getHFBodys(name)
            if request.getMethod() == "INVITE" and request.countHFs("contact") == 0:
                raise ValueError("no Contact in INVITE")
        except Exception as broken:
            self.l1rcache[checksum] = SipTMRetransmitO()
            raise UnparsableError(_one_line(broken)) from broken
        request.rtime = MonoTime()
        if via.getAddr()[0] != remote.address[0]:
            via.params["received"] = remote.received
        if "rport" in via.params:
            via.params["rport"] = str(remote.address[1])
        request.setSource(remote)
        lacking = self._lacking(request)
        if lacking:
            answer = request.genResponse(420, reason_of(420))
            answer.appendHeader(SipHeader(name="Unsupported", body=SipGenericHF(", ".join(lacking), "Unsupported")))
            self.transmitMsg(self._server, answer, answer.getHFBody("via").getTAddr(), checksum)
            return
        self.incomingRequest(request, checksum, identifiers, self._server)

    def _lacking(self, request: Any) -> list[str]:
        """Extensions that a request requires and the trunk has not (RFC 3261 section 8.2.2.3)."""
        if request.getMethod() not in _MAY_REQUIRE:
            return []
        required = [tag.strip() for header in request.getHFs("require") for tag in str(header.body).split(",")]
        return [tag for tag in required if tag and tag.lower() not in self._extensions]

    def newTransaction(self, msg: Any, *arguments: Any, userv: Any = None, **keywords: Any) -> Any:
        """As sippy's, for requests whose URI names any transport: the edge is who knows transports."""
        transaction = super().newTransaction(msg, *arguments, userv=userv or self._server, **keywords)
        if transaction.ack is not None:
            # The ACK has the INVITE's credentials (RFC 3261 section 13.2.2.4) and Routes, which sippy gives that to a
            # 2xx itself (section 17.1.1.3).
            for name in ("authorization", "proxy-authorization", "route"):
                transaction.ack.appendHeaders([header.getCopy() for header in msg.getHFs(name)])
        return transaction

    def incomingResponse(self, msg: Any, t: Any, checksum: bytes) -> None:
        """As sippy's, which lets what follows from a final response (BYE, an INVITE with credentials) go before its
        ACK, and addresses the ACK to a refusal by the refusal's Contact."""
        if t.state not in (TRYING, RINGING) or not t.needack or msg.getSCode()[0] < 200:
            super().incomingResponse(msg, t, checksum)
            return
        self._held = []
        try:
            if msg.getSCode()[0] >= 300:
                self._refused(msg, t, checksum)
            else:
                super().incomingResponse(msg, t, checksum)
        finally:
            held, self._held = self._held, None
            for _, send in sorted(held, key=lambda message: message[0] != "ACK"):
                send()

    def _refused(self, response: Any, transaction: Any, checksum: bytes) -> None:
        """The ACK goes where the INVITE went, with its URI (RFC 3261 section 17.1.1.3)."""
        tag = response.getHFBody("to").getTag()
        if tag is not None:
            transaction.ack.getHFBody("to").setTag(tag)
        data = transaction.ack.localStr(transaction.userv.getSIPaddr(), compact=transaction.compact)
        again = SipTMRetransmitO(transaction.userv, data, transaction.address)
        self.transmitData(again.userv, data, again.address)
        transaction.needack = False
        super().incomingResponse(response, transaction, checksum)
        # The refusal again gets the ACK again.
        self.l1rcache[checksum] = again

    def timerA(self, t: Any) -> None:
        """As sippy's, but only a request INVITE waits ever longer (RFC 3261 section 17.1.1.2): all else comes again
        after T2 at most (sections 13.3.1.4, 17.1.2.2)."""
        self.transmitData(t.userv, t.data, t.address)
        asks_for_call = t.method == "INVITE" and t.tid in self.tclient
        t.tout = t.tout * 2 if asks_for_call else min(t.tout * 2, T2_S)
        t.teA = Timeout(self.timerA, t.tout, 1, t)

    def transmitData(self, userv: Any, data: str, address: Address, cachesum: Any = None, lossemul: int = 0) -> None:
        """As sippy's, but while a final response is handled, messages wait for its ACK."""

        def send() -> None:
            super(SideTransactions, self).transmitData(userv, data, address, cachesum, lossemul)

        if self._held is None:
            send()
        else:
            self._held.append((data.partition(" ")[0], send))

    def timerD(self, t: Any) -> None:
        """As sippy's, for two of one name, too: INVITEs of a dialog with the same CSeq and branches of their own."""
        name, other = t.tid, self.tserver.get(t.tid)
        self.tserver[name] = t
        super().timerD(t)
        if other is not None and other is not t:
            self.tserver[name] = other

    def unreachable(self, destination: Address, why: str) -> None:
        """Nobody is at ``destination``: requests that wait there end as with a 503 (RFC 3261 8.1.3.1)."""
        for transaction in list(self.tclient.values()):
            if transaction.address != destination or transaction.state is not TRYING:
                continue
            if transaction.resp_cb is not None:
                transaction.r408.setSCode(503, why)
            if transaction.teB is not None:
                transaction.teB.cancel()
            self.timerB(transaction)


def is_local_answer(response: Any) -> bool:
    """Whether a response was made up by the transaction layer because none came."""
    return response.source is None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
