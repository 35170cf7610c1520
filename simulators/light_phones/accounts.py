"""Accounts at a registrar, and what proves that they are ours (RFC 3261 sections 10.2 and 22)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.sip.digest import credentials_for, parse_parameters
from harness.sip.message import SipMessage, parameter
from simulators.light_phones.dialog import Dialog
from simulators.light_phones.uris import Address, listed, sip_uri, uri_of, user_of

if TYPE_CHECKING:
    from simulators.light_phones.exchange import LightExchange

_CHALLENGES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
SHARE_OF_LIFETIME = 0.8
"""After this much of what was granted a registration is refreshed."""
TRY_AGAIN_S = 2.0
"""After a refresh that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of a registrar. ``username`` is that of the digest, the same as ``user`` when empty."""

    user: str
    password: str = field(repr=False)
    domain: str
    registrar: Address
    username: str = ""


def authorization(challenge: SipMessage, account: Account, method: str, uri: str) -> str:
    """The header line that answers a 401 or 407; empty when it asks for what we do not have."""
    asked, answers = _CHALLENGES[challenge.code]
    value = credentials_for(
        list(challenge.values(asked)),
        username=account.username or account.user,
        password=account.password,
        method=method,
        uri=uri,
    )
    return f"{answers}: {value}" if value else ""


def is_stale(challenge: SipMessage) -> bool:
    """Whether the password was right and only the nonce too old (RFC 7616 section 3.3)."""
    asked, _ = _CHALLENGES[challenge.code]
    return any(parse_parameters(v).get("stale", "").lower() == "true" for v in challenge.values(asked))


class Registration:
    """An account that is registered, and stays so until ``end``. ``refreshed`` gets the final response of each later
    REGISTER (0: none came)."""

    def __init__(self, exchange: LightExchange, account: Account, expires_s: int) -> None:
        self.account = account
        self.refreshed: Callable[[int], None] | None = None
        self._exchange = exchange
        self._expires_s = expires_s
        own = f"<{sip_uri(account.user, account.domain)}>"
        self._dialog = Dialog(
            exchange.new_call_id(),
            f"{own};tag={exchange.new_tag()}",
            own,
            f"sip:{account.domain}",
            account.registrar,
        )
        self._timer: asyncio.TimerHandle | None = None

    async def begin(self) -> int:
        """Register. The code of the final response, 0 when none came."""
        return await self._register(self._expires_s)

    async def end(self) -> int:
        """Unregister."""
        self.stop()
        return await self._register(0)

    def stop(self) -> None:
        """Refresh no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _register(self, expires_s: int) -> int:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._send(expires_s, lambda code: None if done.done() else done.set_result(code))
        return await done

    def _send(self, expires_s: int, told: Callable[[int], None]) -> None:
        def responded(answer: SipMessage | None, at: float) -> None:
            code = answer.code if answer is not None else 0
            if answer is not None and code == 423 and (least := _least(answer)) > expires_s > 0:
                self._expires_s = least
                self._send(least, told)
                return
            if answer is not None and code < 300 and expires_s:
                self._refresh_in(_granted(answer, self.account.user, expires_s) * SHARE_OF_LIFETIME)
            told(code)

        contact = self._exchange.contact(self.account.user)
        headers = [f"Contact: {contact}", f"Expires: {expires_s}"]
        self._exchange.ask(self._dialog, "REGISTER", headers, self.account, responded, self.account.registrar)

    def _refresh_in(self, delay_s: float) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(max(delay_s, 1.0), self._refresh)

    def _refresh(self) -> None:
        def told(code: int) -> None:
            if not 200 <= code < 300:
                self._refresh_in(TRY_AGAIN_S)
            if self.refreshed is not None:
                self.refreshed(code)

        self._send(self._expires_s, told)


def _least(answer: SipMessage) -> int:
    """Min-Expires of a 423."""
    text = answer.get("Min-Expires").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _granted(answer: SipMessage, user: str, asked_s: int) -> int:
    """How long the registration holds, in s: of our Contact, else of the whole response (section 10.2.4)."""
    ours = [one for value in answer.values("Contact") for one in listed(value) if user_of(uri_of(one)) == user]
    texts = [parameter(one.rpartition(">")[2], "expires") for one in ours]
    for text in (*texts, answer.get("Expires").strip()):
        if text.isascii() and text.isdigit() and int(text[:9]) > 0:
            return int(text[:9])
    return asked_s
