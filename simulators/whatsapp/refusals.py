"""Why the platform says no, and how it says it: SIP code and text, Graph error code.

Texts and codes are those of Meta's troubleshooting page where it has any; ``documented`` tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto


class Refusal(StrEnum):
    """Why something is not done."""

    UNKNOWN_BUSINESS = auto()
    UNKNOWN_USER = auto()
    CALLING_DISABLED = auto()
    BUSINESS_CALLS_DISABLED = auto()
    CLOSED_COUNTRY = auto()
    SANCTIONED_BUSINESS = auto()
    SANCTIONED_USER = auto()
    APP_NOT_LIVE = auto()
    NO_PAYMENT_METHOD = auto()
    MESSAGING_LIMIT = auto()
    NO_PERMISSION = auto()
    DUPLICATE_CALL = auto()
    CONNECTED_LIMIT = auto()
    TOO_MANY_CALLS = auto()
    CALL_RATE = auto()
    PERMANENT_PERMISSION = auto()
    REQUEST_LIMIT = auto()
    REQUEST_CLOSED = auto()
    NO_SUCH_CALL = auto()
    OUTSIDE_CALL_HOURS = auto()
    ICON_HIDDEN = auto()
    ICON_NOT_IN_COUNTRY = auto()
    BUTTON_EXPIRED = auto()
    NOT_YOUR_BUTTON = auto()
    NOT_ON_DESKTOP = auto()
    NO_SUCH_BUTTON = auto()
    INVALID_PARAMETER = auto()
    NOT_SUBSCRIBED = auto()
    NOT_ON_ALLOW_LIST = auto()
    CLIENT_TOO_OLD = auto()
    UNDELIVERABLE = auto()
    BUTTON_UNSUPPORTED = auto()
    OUTSIDE_WINDOW = auto()
    LOOKUP_RATE = auto()
    NO_TRUNK = auto()
    SIP_ENABLED = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a refused PBX or backend is told. 0 and empty: it never learns of it, or not that way."""

    sip_code: int
    sip_text: str
    graph_code: int
    graph_status: int
    """Status of the HTTP response that carries the Graph error."""
    says: str
    """The reason in one sentence, for reports."""
    documented: bool


_R = Refusal
_NOT_REACHED = "The call does not reach the business."

ANSWERS: dict[Refusal, Answer] = {
    _R.UNKNOWN_BUSINESS: Answer(
        400, "Asset not found, invalid business phone number", 100, 400, "There is no such business number.", True
    ),
    # Meta gives the same answer as for a missing permission, so that nobody can find out who is on WhatsApp.
    _R.UNKNOWN_USER: Answer(
        403,
        "No Approved Call Permission Found: No approved call permission from the recipient",
        138001,
        400,
        "The number is not on WhatsApp or cannot be called.",
        True,
    ),
    _R.CALLING_DISABLED: Answer(
        403, "Calling is not enabled for this phone number", 138000, 401, "Calling is switched off.", False
    ),
    _R.BUSINESS_CALLS_DISABLED: Answer(
        403,
        "Business initiated calling is not available",
        138013,
        400,
        "Business-initiated calls are not open to this number.",
        False,
    ),
    _R.CLOSED_COUNTRY: Answer(
        403,
        "Business initiated calling is not available",
        138013,
        400,
        "Business-initiated calls are closed in the business number's country.",
        False,
    ),
    _R.SANCTIONED_BUSINESS: Answer(
        403,
        "Business initiated calling is not available",
        138013,
        400,
        "WhatsApp calling is not available in the business number's country.",
        False,
    ),
    _R.SANCTIONED_USER: Answer(
        0, "", 0, 0, f"WhatsApp calling is not available where the user is. {_NOT_REACHED}", True
    ),
    _R.APP_NOT_LIVE: Answer(403, "The app is not live", 138018, 400, "The app of the number is not live.", False),
    _R.NO_PAYMENT_METHOD: Answer(403, "Payment issue", 131044, 400, "There is no valid payment method.", False),
    _R.MESSAGING_LIMIT: Answer(
        403, "Messaging limit is too low", 138015, 400, "The number's messaging limit is too low for calling.", False
    ),
    _R.NO_PERMISSION: Answer(
        403,
        "No Approved Call Permission Found: No approved call permission from the recipient",
        138006,
        401,
        "The user has not permitted the call.",
        True,
    ),
    _R.DUPLICATE_CALL: Answer(
        403, "Duplicate call", 138003, 400, "There is a call between this number and this user already.", False
    ),
    _R.CONNECTED_LIMIT: Answer(
        403,
        "Business Initiated Connected Call Per Day Limit Hit",
        138012,
        400,
        "The number has reached the limit of connected calls to this user.",
        True,
    ),
    _R.TOO_MANY_CALLS: Answer(
        503, "Concurrent call limit hit", 138002, 429, "The number has too many calls at the same time.", False
    ),
    _R.CALL_RATE: Answer(503, "Call rate limit hit", 138005, 429, "The number has started too many calls.", False),
    _R.PERMANENT_PERMISSION: Answer(
        0, "", 138017, 400, "The user has given a permanent permission; there is nothing to ask for.", True
    ),
    _R.REQUEST_LIMIT: Answer(0, "", 138009, 400, "The user has been asked too often.", True),
    _R.REQUEST_CLOSED: Answer(0, "", 0, 0, "The request is closed: its reply buttons do nothing.", True),
    _R.NO_SUCH_CALL: Answer(481, "Call/Transaction Does Not Exist", 100, 400, "There is no such call.", False),
    _R.OUTSIDE_CALL_HOURS: Answer(0, "", 0, 0, f"The business takes no calls at this hour. {_NOT_REACHED}", True),
    _R.ICON_HIDDEN: Answer(0, "", 0, 0, "The user sees no call icon there.", True),
    _R.ICON_NOT_IN_COUNTRY: Answer(0, "", 0, 0, "Users of this country see no call icon.", True),
    _R.BUTTON_EXPIRED: Answer(0, "", 0, 0, "The call button has expired.", True),
    _R.NOT_YOUR_BUTTON: Answer(0, "", 0, 0, "The call button was sent to somebody else.", False),
    _R.NOT_ON_DESKTOP: Answer(0, "", 0, 0, "Deep links to calls do not work on desktop clients.", True),
    _R.NO_SUCH_BUTTON: Answer(0, "", 0, 0, "There is no such call button.", False),
    _R.INVALID_PARAMETER: Answer(0, "", 100, 400, "A parameter is wrong.", True),
    _R.NOT_SUBSCRIBED: Answer(
        403,
        "Business initiated calling is not available",
        138018,
        400,
        "The app neither subscribes to the webhook field calls nor has SIP enabled.",
        False,
    ),
    _R.NOT_ON_ALLOW_LIST: Answer(
        403,
        "Recipient phone number not in allowed list",
        131030,
        400,
        "The app is not live, and the user is not on its list of test recipients.",
        False,
    ),
    _R.CLIENT_TOO_OLD: Answer(
        403,
        "No Approved Call Permission Found: No approved call permission from the recipient",
        138001,
        400,
        "The user's WhatsApp client is too old for calls.",
        True,
    ),
    _R.UNDELIVERABLE: Answer(
        0, "", 131026, 400, "The number is not on WhatsApp, or its client is too old for the message.", True
    ),
    _R.BUTTON_UNSUPPORTED: Answer(
        0, "", 131009, 400, "The number cannot send call buttons: calling is switched off.", True
    ),
    _R.OUTSIDE_WINDOW: Answer(
        0,
        "",
        131047,
        400,
        "Re-engagement message: the user's last message is too long ago for anything but a template.",
        True,
    ),
    _R.LOOKUP_RATE: Answer(0, "", 613, 429, "The number asks too often for call permissions.", True),
    _R.NO_TRUNK: Answer(0, "", 138004, 500, "No trunk is connected that could place the call.", True),
    _R.SIP_ENABLED: Answer(
        0, "", 131055, 400, "The number's calls go over SIP: the Graph API cannot place them.", True
    ),
}


class Refused(Exception):
    """The platform says no. ``says`` is the reason in one sentence; it may be closer than the answer's own."""

    def __init__(self, refusal: Refusal, says: str = "") -> None:
        self.refusal = refusal
        self.says = says or self.answer.says
        super().__init__(self.says)

    @property
    def answer(self) -> Answer:
        """SIP and Graph codes."""
        return ANSWERS[self.refusal]


class CallEnd(StrEnum):
    """How a business call ends that the platform let through."""

    DECLINED = auto()
    UNANSWERED = auto()
    UNREACHABLE = auto()
    CANCELLED = auto()
    NO_MEDIA = auto()


CALL_ENDS: dict[CallEnd, Answer] = {
    CallEnd.DECLINED: Answer(486, "User declined the call", 0, 0, "The user declined.", True),
    CallEnd.UNANSWERED: Answer(480, "Temporarily Unavailable", 0, 0, "The user did not answer.", True),
    CallEnd.UNREACHABLE: Answer(480, "Temporarily Unavailable", 0, 0, "The user is offline.", True),
    CallEnd.CANCELLED: Answer(487, "Request Terminated", 0, 0, "The PBX cancelled the call.", True),
    CallEnd.NO_MEDIA: Answer(408, "RTP Timeout", 138021, 0, "No media came from the business for too long.", True),
}
"""Final answers to the PBX (Meta, troubleshooting); the Graph code is that of the terminate webhook."""
