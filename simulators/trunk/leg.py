"""One leg of a call: sippy's user agent, with what it lacks for a trunk.

sippy's own user agent accepts REFER and INFO by itself, leaves unknown methods in a dialog unanswered,
tells nobody how its BYE or its cancelled INVITE ended, and takes a re-INVITE without SDP for a hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sippy.CCEvents import CCEventDisconnect, CCEventFail, CCEventRedirect
from sippy.MsgBody import MsgBody
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.Time.Timeout import Timeout
from sippy.UA import UA
from sippy.UacStateCancelling import UacStateCancelling
from sippy.UaStateDisconnected import UaStateDisconnected

from harness.sip.reasons import reason_of
from simulators.trunk.call_state import Side, Signal
from simulators.trunk.protocol import Leg
from simulators.trunk.transactions import SideTransactions

RELAY_LIMIT_S = 32
"""How long a request that is passed on may stay unanswered: timer F (RFC 3261 section 17.1.2.2)."""

_ENDS = (CCEventDisconnect, CCEventFail, CCEventRedirect)


class LegListener(Protocol):
    """The call that a leg belongs to."""

    def signalled(self, leg: Leg, signal: Signal, side: Side, code: int, reason: str) -> None: ...

    def happened(self, event: Any, user_agent: Any) -> None: ...

    def partner(self, leg: Leg) -> LegUserAgent | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPolicy:
    """What a leg does with requests inside its dialog: a code to refuse them with, None to pass them on."""

    reinvite: int | None = None
    update: int | None = None
    info: int | None = None


class LegUserAgent(UA):
    """A dialog with the customer's phone or with the PBX."""

    rCSeq: int | None = None
    lSDP: Any = None

    def __init__(
        self,
        leg: Leg,
        transactions: SideTransactions,
        listener: LegListener,
        policy: LegPolicy,
        *,
        contact: SipContact,
        next_hop: tuple[str, int] | None = None,
        credentials: tuple[str, str] | None = None,
        digest_uri: str = "",
        refusal_of: Callable[[str], int],
    ) -> None:
        username, password = credentials or (None, None)
        super().__init__(
            transactions.config,
            event_cb=listener.happened,
            username=username,
            password=password,
            nh_address=next_hop,
        )
        self.leg = leg
        self.invited = next_hop is None
        """Whether the far end called us."""
        self.lContact = contact
        self.cause: Signal | None = None
        """What the far end did to end the leg; None while it did nothing."""
        self._listener = listener
        self._transactions = transactions
        self._refusal_of = refusal_of
        self._digest_uri = digest_uri
        self._policies = {"INVITE": policy.reinvite, "UPDATE": policy.update, "INFO": policy.info}
        self._answered = False
        self._ack_owed = False
        self._end_then: Any = None
        self._bye_authenticated = False

    @property
    def answered(self) -> bool:
        """Whether a 2xx to the first INVITE went or came."""
        return self._answered or self.connect_ts is not None

    @property
    def waits_for_answer(self) -> bool:
        """Whether the far end's 200 brought an offer, and its ACK waits for the answer to it."""
        return self.pending_tr is not None

    def belong_to(self, listener: LegListener, contact: SipContact) -> None:
        """Go on as a leg of another listener, under another Contact: an INVITE has become a call."""
        self._listener = listener
        self.event_cb = listener.happened
        self.lContact = contact

    # What comes from the far end.

    def recvRequest(self, req: Any, sip_t: Any) -> Any:
        method = req.getMethod()
        if self.state is None:
            return self._first_invite(req, sip_t)
        if method == "BYE":
            return self._bye(req, sip_t)
        if method in ("UPDATE", "INFO") and self.isConnected():
            return self._relay_or_refuse(req, sip_t)
        if method == "INVITE" and self.isConnected():
            return self._reinvite(req, sip_t)
        if method in ("INVITE", "OPTIONS", "ACK"):
            return self._answered_at_all(req, sip_t, super().recvRequest(req, sip_t))
        return self._refuse(req, self._refusal_of(method))

    def _first_invite(self, req: Any, sip_t: Any) -> Any:
        result = super().recvRequest(req, sip_t)
        if not result:
            return result
        response, cancel, unacknowledged = result

        def cancelled(at: Any, request: Any) -> None:
            self.cause = Signal.CANCEL
            cancel(at, request)

        def given_up() -> None:
            self._ack_owed = False
            unacknowledged()

        return response, cancelled, given_up

    def _bye(self, req: Any, sip_t: Any) -> Any:
        if self.rCSeq is not None and self.rCSeq >= req.getHFBody("cseq").getCSeqNum():
            return self._refuse(req, 500)
        if self.cause is Signal.BYE:
            # They have hung up before: the dialog is no more (RFC 3261 section 15.1.2).
            return self._refuse(req, 481)
        if isinstance(self.state, UaStateDisconnected):
            # Ours crossed theirs: sippy answers it and says nothing.
            self._listener.signalled(self.leg, Signal.BYE, Side.FAR_END, 0, "BYE")
        self.cause = Signal.BYE
        return self._answered_at_all(req, sip_t, super().recvRequest(req, sip_t))

    def _reinvite(self, req: Any, sip_t: Any) -> Any:
        code = self._policies["INVITE"]
        if code is not None:
            return self._refuse(req, code)
        if req.getBody() is None and self.lSDP is not None:
            if not self._in_order(req):
                return req.genResponse(500, reason_of(500)), None, None
            # An offer is asked for (RFC 3261 section 14.2): the session as it is.
            response = req.genResponse(200, "OK", body=self.lSDP.getCopy())
            response.appendHeader(_contact_header(self.lContact))
            return response, None, None
        return super().recvRequest(req, sip_t)

    def _relay_or_refuse(self, req: Any, sip_t: Any) -> Any:
        code = self._policies[req.getMethod()]
        partner = self._listener.partner(self.leg)
        if code is not None:
            return self._refuse(req, code)
        if partner is None or not partner.isConnected():
            return self._refuse(req, 491)
        if not self._in_order(req):
            return self._refuse(req, 500)

        def answered(response: Any) -> None:
            final, reason = response.getSCode()
            if final >= 200:
                relayed = req.genResponse(final, reason, body=response.getBody())
                if req.getMethod() == "UPDATE":
                    relayed.appendHeader(_contact_header(self.lContact))
                self._transactions.sendResponse(relayed, sip_t)

        # sippy forgets a transaction that has no timer and no answer yet.
        sip_t.teE = Timeout(self._transactions.timerE, RELAY_LIMIT_S, 1, sip_t)
        partner.newTransaction(partner.genRequest(req.getMethod(), req.getBody()), resp_cb=answered)
        return None

    def _in_order(self, req: Any) -> bool:
        """CSeq of a request in the dialog must rise (RFC 3261 section 12.2.2)."""
        number = req.getHFBody("cseq").getCSeqNum()
        if self.rCSeq is not None and self.rCSeq >= number:
            return False
        self.rCSeq = number
        return True

    def _refuse(self, req: Any, code: int) -> Any:
        if not self._in_order(req):
            code = 500
        return req.genResponse(code, reason_of(code)), None, None

    def _answered_at_all(self, req: Any, sip_t: Any, result: Any) -> Any:
        if result is None and sip_t.data is None and req.getMethod() != "ACK":
            return req.genResponse(481, reason_of(481)), None, None
        return result

    def recvResponse(self, resp: Any, tr: Any) -> None:
        code, reason = resp.getSCode()
        if isinstance(self.state, UacStateCancelling) and code >= 200:
            signal = Signal.ANSWER if code < 300 else Signal.REFUSAL
            self._listener.signalled(self.leg, signal, Side.TRUNK, code, reason)
        super().recvResponse(resp, tr)

    # What goes to the far end.

    def sendUasResponse(
        self,
        scode: int,
        reason: str,
        body: Any = None,
        contacts: Any = None,
        extra_headers: Any = None,
        ack_wait: bool = False,
    ) -> None:
        transaction = self._transactions.tserver.get(self.uasResp.getTId(wBRN=True))
        super().sendUasResponse(scode, reason, body, contacts, extra_headers, ack_wait)
        if self.answered:
            return
        if 200 <= scode < 300:
            self._answered = True
            if transaction is not None:
                self._owe_ack(transaction)
        if scode > 100:
            self._listener.signalled(self.leg, signal_of(scode, body is not None), Side.TRUNK, scode, reason)

    def _owe_ack(self, transaction: Any) -> None:
        """Until the ACK comes, or its time is over, there is no BYE (RFC 3261 section 15)."""
        self._ack_owed = True
        then = transaction.ack_cb

        def acknowledged(ack: Any) -> None:
            if then is not None:
                then(ack)
            self._ack_owed = False
            if self._end_then is not None:
                self.recvEvent(self._end_then)

        transaction.ack_cb = acknowledged

    def genRequest(
        self, method: str, body: Any = None, cqop: tuple[Any, Any] | None = None, *rest: Any, **keywords: Any
    ) -> Any:
        if cqop is not None and self._digest_uri:
            cqop = (_WithUri(cqop[0], self._digest_uri), cqop[1])
        return super().genRequest(method, body, cqop, *rest, **keywords)

    def recvEvent(self, event: Any) -> None:
        if self._ack_owed and self.isConnected() and isinstance(event, _ENDS):
            self._end_then = event
            return
        if self.lSDP is None and self.isConnected():
            # sippy forgets the session after a refused re-INVITE, but compares the next one with it.
            self.lSDP = MsgBody("")
        super().recvEvent(event)

    def newTransaction(self, req: Any, req_extra_headers: Any = None, **keywords: Any) -> Any:
        if req.getMethod() == "BYE":
            keywords.setdefault("resp_cb", self._bye_answered)
        return super().newTransaction(req, req_extra_headers, **keywords)

    def _bye_answered(self, response: Any) -> None:
        code, reason = response.getSCode()
        if code < 200:
            return
        challenge = None if self._bye_authenticated else self._usable_challenge(response, code)
        if challenge is not None:
            self._bye_authenticated = True
            super().newTransaction(self.genRequest("BYE", None, challenge), resp_cb=self._bye_answered)
            return
        self._listener.signalled(self.leg, Signal.RELEASED, Side.TRUNK, code, reason)

    def _usable_challenge(self, response: Any, code: int) -> tuple[Any, Any] | None:
        header = {401: "www-authenticate", 407: "proxy-authenticate"}.get(code)
        if header is None or self.username is None:
            return None
        for challenge in response.getHFBodys(header):
            supported, quality = challenge.supportedAlgorithm()
            if supported:
                return challenge, quality
        return None


class _WithUri:
    """A challenge that is answered for another URI than that of the request."""

    def __init__(self, challenge: Any, uri: str) -> None:
        self._challenge = challenge
        self._uri = uri

    def genAuthHF(self, username: str, password: str, method: str, _uri: str, *rest: Any) -> Any:
        return self._challenge.genAuthHF(username, password, method, self._uri, *rest)


def signal_of(code: int, has_sdp: bool) -> Signal:
    """What a response to INVITE (over 100) means for a leg."""
    if code >= 300:
        return Signal.REFUSAL
    if code >= 200:
        return Signal.ANSWER
    return Signal.EARLY_MEDIA if has_sdp else Signal.RINGING


def _contact_header(contact: SipContact) -> Any:
    return SipHeader(name="contact", body=contact)
