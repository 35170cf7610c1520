"""What a business's backend does with WhatsApp's webhooks: subscription check, signature, answer.

Sources: Meta, webhooks (verification requests, validating payloads). No I/O here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

SIGNATURE_HEADER = "X-Hub-Signature-256"
TAKEN, NOT_SIGNED, NOT_SUBSCRIBED = 200, 401, 403
STATUSES = range(200, 600)


def signature(app_secret: str, body: bytes) -> str:
    """Value of ``X-Hub-Signature-256``: HMAC-SHA256 over the raw body."""
    return f"sha256={hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()}"


@dataclass(slots=True)
class Inbox:
    """Answers to what comes. Without ``app_secret`` no signature is checked, without ``verify_token`` no token."""

    app_secret: str = ""
    verify_token: str = ""
    _status: int = TAKEN
    _left: int = 0
    """How many webhooks still get ``_status``; 0: all."""

    def answer_with(self, status: int, times: int = 0) -> None:
        """Raises ValueError for what is no status of a final HTTP response."""
        if status not in STATUSES or times < 0:
            raise ValueError(f"webhooks cannot be answered with {status}, {times} times")
        self._status, self._left = status, times

    def subscription(self, query: Mapping[str, str]) -> tuple[int, str]:
        """Status and text for Meta's verification request."""
        token = query.get("hub.verify_token", "")
        right = not self.verify_token or hmac.compare_digest(token.encode(), self.verify_token.encode())
        if query.get("hub.mode") != "subscribe" or "hub.challenge" not in query or not right:
            return NOT_SUBSCRIBED, ""
        return TAKEN, query["hub.challenge"]

    def webhook(self, body: bytes, signed_with: str) -> tuple[int, bool]:
        """Status of the answer, and whether the signature is right."""
        expected = signature(self.app_secret, body)
        signed = bool(self.app_secret) and hmac.compare_digest(expected.encode(), signed_with.encode())
        if self.app_secret and not signed:
            return NOT_SIGNED, False
        status = self._status
        if self._left:
            self._left -= 1
            if not self._left:
                self._status = TAKEN
        return status, signed
