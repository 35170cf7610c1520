"""Bodies of 8x8's endpoints for messages, call permissions and (assumed) calls.

Source: 8x8, API description of its Messaging Apps API (``business_messaging_api.json``): names and limits. The calls
are ours: 8x8 says only that the backend makes a request with the customer's number and call parameters.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

LONGEST_TEXT = 35000
LONGEST_CLIENT_ID = 50
LONGEST_CONTEXT = 512
MOST_COMPONENTS = 20
MOST_PARAMETERS = 50

Msisdn = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
UserId = Annotated[str, Field(pattern=r"^[A-Z]{2}\.[0-9]{1,32}$")]
Account = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]


class Body(BaseModel):
    """What a business sends; names in camel case."""

    model_config = ConfigDict(strict=True, alias_generator=to_camel)


class Reply(BaseModel):
    """What the platform answers; names in camel case."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class User(Body):
    """Who is meant; ``msisdn`` goes before ``channel_user_id``."""

    msisdn: Msisdn | None = None
    channel_user_id: UserId | None = None


class InteractiveBody(Body):
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)


class ButtonParameters(Body):
    display_text: str | None = Field(default=None, alias="display_text")
    ttl_minutes: int | None = None
    payload: str = ""


class ButtonAction(Body):
    name: Literal["voice_call"] | None = None
    parameters: ButtonParameters = ButtonParameters()


class RequestInteractive(Body):
    type: Literal["call_permission_request"]
    body: InteractiveBody | None = None


class ButtonInteractive(Body):
    type: Literal["voice_call"]
    action: ButtonAction = ButtonAction()
    body: InteractiveBody


class TemplateParameter(Body):
    type: Literal["text", "payload", "ttlMinutes"]
    text: str = ""
    payload: str = ""
    ttl_minutes: int | None = None


class TemplateComponent(Body):
    type: Literal["header", "footer", "body", "button", "call_permission_request"]
    sub_type: Literal["QuickReply", "Url", "CopyCode", "Flow", "VoiceCall"] | None = None
    index: int | None = Field(default=None, ge=0, le=9)
    parameters: list[TemplateParameter] = Field(default=[], max_length=MOST_PARAMETERS)


class Template(Body):
    name: str = Field(min_length=1, max_length=512)
    language: str = Field(min_length=1, max_length=16)
    components: list[TemplateComponent] = Field(default=[], max_length=MOST_COMPONENTS)


class TextContent(Body):
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)


class InteractiveContent(Body):
    interactive: Annotated[RequestInteractive | ButtonInteractive, Field(discriminator="type")]


class TemplateContent(Body):
    template: Template


class Envelope(Body):
    user: User
    client_message_id: str | None = Field(default=None, max_length=LONGEST_CLIENT_ID)


class TextMessage(Envelope):
    type: Literal["text"]
    content: TextContent


class InteractiveMessage(Envelope):
    type: Literal["interactive"]
    content: InteractiveContent


class TemplateMessage(Envelope):
    type: Literal["template"]
    content: TemplateContent


Message = Annotated[TextMessage | InteractiveMessage | TemplateMessage, Field(discriminator="type")]


class Status(Reply):
    state: Literal["queued"] = "queued"
    timestamp: datetime


class SentTo(Reply):
    msisdn: str | None = None
    channel_user_id: str | None = None


class MessageSent(Reply):
    umid: str
    user: SentTo
    client_message_id: str | None = None
    status: Status


class Limit(Reply):
    time_period: str
    max_allowed: int
    current_usage: int


class Action(Reply):
    action_name: Literal["send_call_permission_request", "start_call"]
    can_perform_action: bool
    limits: list[Limit]


PermissionStatus = Literal["temporary", "permanent", "not_granted"]


class CallPermissions(Reply):
    status: PermissionStatus
    actions: list[Action]
    expiration_time: datetime | None = None


class CallOrder(Body):
    """Assumed. ``context`` is what the PBX shall know of the call."""

    destination: Msisdn | UserId
    client_reference_id: str | None = Field(default=None, max_length=LONGEST_CLIENT_ID)
    context: str = Field(default="", max_length=LONGEST_CONTEXT)


class CallTaken(Reply):
    """Assumed."""

    call_id: str
    destination: str
    client_reference_id: str | None = None
    status: Literal["queued"] = "queued"
