"""Webhooks as Meta sends them: the whole body, for the fields ``messages`` and ``calls``.

Sources: Meta, user call permissions (``call_permission_reply``); Meta, calls reference (``calls``, statuses);
Meta, SIP (``call_created`` and ``terminate`` only); Meta, business-scoped user ids. Timestamps are Unix seconds as
text, numbers come without ``+``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from harness.call_policy import CallStep, Direction
from simulators.whatsapp.calls import CallRecord
from simulators.whatsapp.consent import PermissionReply
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser

Webhook = dict[str, Any]


class CallStatus(StrEnum):
    """What a user's client does with a business call."""

    RINGING = "RINGING"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


STATUS_OF_STEP = {CallStep.ANSWERED: CallStatus.ACCEPTED, CallStep.DECLINED: CallStatus.REJECTED}

CALL_SETUP_FAILED = (138019, "Call setup failed")
CALL_RELAY_FAILED = (138020, "Call relay failed")
"""Error codes of ``terminate`` alone (Meta, troubleshooting)."""


def text_received(business: BusinessNumber, user: WhatsAppUser, message_id: str, text: str, now: float) -> Webhook:
    """The user wrote ``text``."""
    message = _message(user, message_id, now) | {"type": "text", "text": {"body": text}}
    return _messages(business, user, message)


def permission_reply(
    business: BusinessNumber, user: WhatsAppUser, message_id: str, reply: PermissionReply, now: float
) -> Webhook:
    """The user's permission changed, or was confirmed."""
    said: dict[str, Any] = {
        "response": "accept" if reply.accepted else "reject",
        "is_permanent": reply.permanent,
        "response_source": "automatic" if reply.automatic else "user_action",
    }
    if reply.expires_at is not None:
        said["expiration_timestamp"] = _stamp(reply.expires_at)
    message = _message(user, message_id, now)
    if reply.context:
        message["context"] = {"from": _digits(business.number), "id": reply.context}
    message |= {
        "type": "interactive",
        "interactive": {"type": "call_permission_reply", "call_permission_reply": said},
    }
    return _messages(business, user, message)


def call_created(business: BusinessNumber, user: WhatsAppUser, record: CallRecord, now: float) -> Webhook:
    """A call began. In SIP mode there is no ``session``."""
    return _calls(business, user, {"calls": [_call(business, user, record, "call_created", now)]})


def call_terminated(
    business: BusinessNumber,
    user: WhatsAppUser,
    record: CallRecord,
    now: float,
    error: tuple[int, str] | None = None,
) -> Webhook:
    """A call ended. Times and duration are there only when it had been answered."""
    call = _call(business, user, record, "terminate", now)
    call["status"] = "COMPLETED" if error is None else "FAILED"
    if record.answered_at is not None and record.ended_at is not None:
        call["start_time"] = _stamp(record.answered_at)
        call["end_time"] = _stamp(record.ended_at)
        call["duration"] = int(record.ended_at) - int(record.answered_at)
    value: dict[str, Any] = {"calls": [call]}
    if error is not None:
        code, title = error
        value["errors"] = [{"code": code, "title": title, "message": title, "error_data": {"details": title}}]
    return _calls(business, user, value)


def call_status(
    business: BusinessNumber, user: WhatsAppUser, record: CallRecord, status: CallStatus, now: float
) -> Webhook:
    """What the user's client does with a business call."""
    about: dict[str, Any] = {"id": record.id, "timestamp": _stamp(now), "type": "call", "status": status.value}
    about |= _address(user, "recipient_id", "recipient_user_id") | _callback_data(record)
    return _calls(business, user, {"statuses": [about]})


def _call(business: BusinessNumber, user: WhatsAppUser, record: CallRecord, event: str, now: float) -> dict[str, Any]:
    by_user = record.direction is Direction.USER_INITIATED
    ends = (
        _address(user, "from", "from_user_id") | {"to": _digits(business.number)}
        if by_user
        else {"from": _digits(business.number)} | _address(user, "to", "to_user_id")
    )
    return {
        "id": record.id,
        **ends,
        "event": event,
        "timestamp": _stamp(now),
        "direction": record.direction.value.upper(),
        **_callback_data(record),
    }


def _callback_data(record: CallRecord) -> dict[str, str]:
    return {"biz_opaque_callback_data": record.context} if record.context else {}


def _message(user: WhatsAppUser, message_id: str, now: float) -> dict[str, Any]:
    return _address(user, "from", "from_user_id") | {"id": message_id, "timestamp": _stamp(now)}


def _messages(business: BusinessNumber, user: WhatsAppUser, message: dict[str, Any]) -> Webhook:
    return _envelope(business, "messages", {"contacts": [_contact(user)], "messages": [message]})


def _calls(business: BusinessNumber, user: WhatsAppUser, value: dict[str, Any]) -> Webhook:
    return _envelope(business, "calls", {"contacts": [_contact(user)], **value})


def _contact(user: WhatsAppUser) -> dict[str, Any]:
    profile = {"name": user.profile_name}
    if user.username:
        profile["username"] = user.username
    return {"profile": profile} | _address(user, "wa_id", "user_id")


def _address(user: WhatsAppUser, number_key: str, id_key: str) -> dict[str, str]:
    """How a webhook names the user: the number where there is one, the user id where there is one."""
    named = {number_key: _digits(user.number)} if user.number else {}
    return named | ({id_key: user.user_id} if user.user_id else {})


def _envelope(business: BusinessNumber, field: str, value: dict[str, Any]) -> Webhook:
    metadata = {
        "display_phone_number": _digits(business.number),
        "phone_number_id": business.phone_number_id,
    }
    whole = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": business.account_id, "changes": [{"value": whole, "field": field}]}],
    }


def _digits(number: str) -> str:
    return number.removeprefix("+")


def _stamp(at: float) -> str:
    return str(int(at))
