"""Who gets as far as a call: refusals that need no platform (source, digest, methods outside of calls)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader

from harness.messages import Event
from harness.sip.message import CHALLENGES
from harness.sip.reasons import reason_of
from simulators.trunk.digest import Challenger, Expected, Proof
from simulators.trunk.header_rules import without_controls
from simulators.trunk.numbers import in_e164
from simulators.trunk.profile import Profile
from simulators.trunk.protocol import Refused

Answer = list[Any]
"""What sippy's transaction layer wants for a request that is answered at once."""


class Gate:
    """Answers requests that start no call. ``domain`` is who warns (RFC 3261 section 20.43)."""

    def __init__(
        self,
        profile: Profile,
        domain: str,
        *,
        accepted_addresses: frozenset[str],
        challenger: Challenger | None,
        digest_user: Callable[[str], str],
        refusal_code: Callable[[str], int],
        emit: Callable[[Event], None],
        at: Callable[[], float],
    ) -> None:
        self._profile = profile
        self._domain = domain
        self._accepted = accepted_addresses
        self._challenger = challenger
        self._digest_user = digest_user
        self._refusal_code = refusal_code
        self._emit = emit
        self._at = at

    def use(self, profile: Profile, challenger: Challenger | None) -> None:
        """Go on by another profile."""
        self._profile, self._challenger = profile, challenger

    def not_a_new_call(self, request: Any) -> Answer | None:
        """The answer to a request that starts no call, None for an INVITE that does."""
        method = request.getMethod()
        if method == "BYE" or request.getHFBody("to").getTag() is not None:
            # A BYE without a tag is of no dialog either (RFC 3261 section 15.1.2).
            return plain_answer(request, 481)
        if method == "INVITE":
            return None
        return plain_answer(request, 200 if method == "OPTIONS" else self._refusal_code(method))

    def stranger(self, request: Any) -> Answer | None:
        """The answer to a request that does not come from the PBX; None when it does."""
        security = self._profile.security
        source = request.getSource()
        if not security.check_source or source[0] in self._accepted:
            return None
        if request.getMethod() == "INVITE":
            return self.refused(request, security.stranger_code, f"{source[0]} is not the PBX's address")
        return plain_answer(request, security.stranger_code)

    def unproven(self, request: Any) -> Answer | None:
        """The answer to an INVITE of the PBX whose credentials are missing or wrong; None when they are right."""
        if self._challenger is None:
            return None
        called = request.getRURI().username or ""
        business = in_e164(request.getHFBody("from").getUrl().username or "")
        given = [str(header.body) for header in request.getHFs("proxy-authorization")]
        expected = Expected(
            method="INVITE",
            username=self._digest_user(business),
            called=called,
            to=str(request.getHFBody("to").getUrl()),
        )
        judgement = self._challenger.judge(given, expected, self._at())
        security = self._profile.security
        if judgement.proof is Proof.GOOD and security.takes_credentials:
            return None
        if judgement.proof is Proof.GOOD:
            return self._not_taken(request, "the trunk takes no credentials for now")
        if judgement.proof is Proof.WRONG:
            return self._not_taken(request, judgement.why, judgement.phrase, rule="digest")
        return self._with_challenges(plain_answer(request, 407), stale=judgement.proof is Proof.STALE)

    def _not_taken(self, request: Any, why: str, phrase: str = "", *, rule: str = "") -> Answer:
        code = self._profile.security.wrong_credentials_code
        answer = self.refused(request, code, why, phrase, rule=rule)
        return self._with_challenges(answer) if code in CHALLENGES else answer

    def _with_challenges(self, answer: Answer, *, stale: bool = False) -> Answer:
        assert self._challenger is not None
        name = "WWW-Authenticate" if answer[0].getSCode()[0] == 401 else "Proxy-Authenticate"
        for value in self._challenger.challenges(self._at(), stale=stale):
            answer[0].appendHeader(SipHeader(name=name, body=SipGenericHF(value, name)))
        return answer

    def refused(self, request: Any, code: int, why: str, phrase: str = "", *, rule: str = "") -> Answer:
        """Refuse an INVITE: ``why`` in Warning, ``phrase`` (or the code's own) in the status line."""
        self.note_refusal(request, code, why, phrase, rule=rule)
        answer = request.genResponse(code, without_controls(phrase) or reason_of(code))
        answer.appendHeader(self.warning(why))
        return [answer, None, None]

    def note_refusal(self, request: Any, code: int, why: str, phrase: str = "", *, rule: str = "") -> None:
        """Tell the harness that an INVITE was refused."""
        source = request.getSource()
        self._emit(
            Refused(
                at=self._at(),
                source=f"{source[0]}:{source[1]}",
                code=code,
                reason=why,
                called=request.getRURI().username or "",
                caller=request.getHFBody("from").getUrl().username or "",
                text=without_controls(phrase) or reason_of(code),
                rule=rule,
            )
        )

    def warning(self, why: str) -> SipHeader:
        """``Warning: 399 …`` (miscellaneous warning)."""
        quoted = without_controls(why).replace("\\", "\\\\").replace('"', '\\"')
        return SipHeader(name="Warning", body=SipGenericHF(f'399 {self._domain} "{quoted}"', "Warning"))


def plain_answer(request: Any, code: int) -> Answer:
    return [request.genResponse(code, reason_of(code)), None, None]
