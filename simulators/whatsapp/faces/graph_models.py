"""Bodies of Meta's Graph endpoints for messages, calls and call permissions.

Source: Meta, Cloud API reference (messages, calls, call_permissions), user call permissions, call button messages.
Names that are not here are ignored, as Graph ignores them. Lengths and lifetimes of call buttons are no schema but
rules of the platform.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_TEXT = 4096
LONGEST_BODY_TEXT = 1024
"""Of an interactive message."""
LONGEST_OPAQUE = 512
MOST_COMPONENTS = 20
MOST_PARAMETERS = 50

Number = Annotated[str, Field(pattern=r"^\+?[1-9][0-9]{6,14}$")]
"""A user's number (``wa_id``), with or without ``+``."""
UserId = Annotated[str, Field(pattern=r"^[A-Z]{2}\.[0-9]{1,32}$")]
"""A business-scoped user id."""
Product = Literal["whatsapp"]


class Body(BaseModel):
    """What a business sends. Types are not guessed: ``"1"`` is no number."""

    model_config = ConfigDict(strict=True)


class Reply(BaseModel):
    """What the platform answers."""

    model_config = ConfigDict(extra="forbid")


class Recipient(Body):
    """Who is meant: ``to`` or ``recipient``."""

    messaging_product: Product
    to: Number | None = None
    recipient: UserId | None = None


class TextPart(Body):
    body: str = Field(min_length=1, max_length=LONGEST_TEXT)


class InteractiveBody(Body):
    text: str = Field(min_length=1, max_length=LONGEST_BODY_TEXT)


class ButtonParameters(Body):
    display_text: str | None = None
    ttl_minutes: int | None = None
    payload: str = ""


class RequestAction(Body):
    name: Literal["call_permission_request"]


class ButtonAction(Body):
    name: Literal["voice_call"]
    parameters: ButtonParameters = ButtonParameters()


class RequestInteractive(Body):
    type: Literal["call_permission_request"]
    action: RequestAction
    body: InteractiveBody | None = None


class ButtonInteractive(Body):
    type: Literal["voice_call"]
    action: ButtonAction
    body: InteractiveBody


Interactive = Annotated[RequestInteractive | ButtonInteractive, Field(discriminator="type")]


class TemplateParameter(Body):
    """A value for a template's placeholder, or for its call button."""

    type: Literal["text", "payload", "ttl_minutes"]
    text: str = Field(default="", max_length=LONGEST_BODY_TEXT)
    payload: str = ""
    ttl_minutes: int | None = None


class TemplateComponent(Body):
    type: Literal["header", "body", "button", "call_permission_request"]
    sub_type: Literal["voice_call", "quick_reply", "url"] | None = None
    index: int | Annotated[str, Field(pattern=r"^[0-9]$")] | None = None
    parameters: list[TemplateParameter] = Field(default=[], max_length=MOST_PARAMETERS)


class TemplateLanguage(Body):
    code: str = Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")


class Template(Body):
    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: TemplateLanguage
    components: list[TemplateComponent] = Field(default=[], max_length=MOST_COMPONENTS)


class TextMessage(Recipient):
    type: Literal["text"]
    text: TextPart


class InteractiveMessage(Recipient):
    type: Literal["interactive"]
    interactive: Interactive


class TemplateMessage(Recipient):
    type: Literal["template"]
    template: Template


Message = Annotated[TextMessage | InteractiveMessage | TemplateMessage, Field(discriminator="type")]


class Contact(Reply):
    input: str
    wa_id: str


class MessageId(Reply):
    id: str


class MessageSent(Reply):
    messaging_product: Product = "whatsapp"
    contacts: list[Contact]
    messages: list[MessageId]


class Session(Body):
    """SDP of a Graph call; taken and not used, for no media of this mode is simulated."""

    sdp_type: Literal["offer", "answer"]
    sdp: str


class Connect(Recipient):
    action: Literal["connect"]
    session: Session | None = None
    biz_opaque_callback_data: str = Field(default="", max_length=LONGEST_OPAQUE)


class OnCall(Body):
    """What is done with a call that exists."""

    messaging_product: Product
    action: Literal["terminate", "pre_accept", "accept", "reject"]
    call_id: str = Field(min_length=1, max_length=256)
    session: Session | None = None


CallAction = Annotated[Connect | OnCall, Field(discriminator="action")]


class CallId(Reply):
    id: str


class CallConnected(Reply):
    messaging_product: Product = "whatsapp"
    calls: list[CallId]


class Done(Reply):
    success: Literal[True] = True


class Permission(Reply):
    status: Literal["no_permission", "temporary", "permanent"]
    expiration_time: int | None = None
    """In s since 1970-01-01 UTC, of a temporary permission."""


class Limit(Reply):
    time_period: str
    max_allowed: int
    current_usage: int
    limit_expiration_time: int | None = None


class Action(Reply):
    action_name: Literal["send_call_permission_request", "start_call"]
    can_perform_action: bool
    limits: list[Limit]


class CallPermissions(Reply):
    messaging_product: Product = "whatsapp"
    permission: Permission
    actions: list[Action]
