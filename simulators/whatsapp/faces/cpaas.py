"""8x8's endpoints: call permissions, messages, and the calls of its business-initiated flow.

Source: 8x8, API description of its Messaging Apps API. **Assumed**: the calls. 8x8's guide to business-initiated
calling says only that the backend makes a request with the customer's number and call parameters; path, names and
status codes are ours. A subaccount and a channel are named by the business number or Meta's phone number id.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Security
from fastapi.security import HTTPBearer

from simulators.whatsapp.consent import Grant
from simulators.whatsapp.entry_points import ButtonKind
from simulators.whatsapp.faces import cpaas_models as m
from simulators.whatsapp.faces.access import StrictRoute
from simulators.whatsapp.faces.errors import CpaasError, FaceError, Problem, invalid
from simulators.whatsapp.faces.outgoing import ButtonMessage, Outgoing, PermissionRequest, Text, send, template_text
from simulators.whatsapp.faces.permissions import actions
from simulators.whatsapp.people import BusinessNumber
from simulators.whatsapp.refusals import Refusal, Refused
from simulators.whatsapp.service import Platform

ERRORS: dict[int | str, dict[str, object]] = {
    400: {"model": CpaasError, "description": "A parameter is wrong"},
    401: {"model": CpaasError, "description": "No API key, or a wrong one"},
    403: {"model": CpaasError, "description": "WhatsApp refuses; Meta's error code is in the message"},
    404: {"model": CpaasError, "description": "There is nothing at this path"},
    413: {"model": CpaasError, "description": "The body is too long"},
    429: {"model": CpaasError, "description": "A rate or a limit of concurrent calls is exceeded"},
    500: {"model": CpaasError, "description": "No trunk is connected, or the platform is out of order"},
}
CHANNEL = "/whatsapp/subaccounts/{subAccountId}/channels/{channelId}"
_STATUS: dict[Grant, m.PermissionStatus] = {
    Grant.NONE: "not_granted",
    Grant.TEMPORARY: "temporary",
    Grant.PERMANENT: "permanent",
}

router = APIRouter(
    prefix="/api/v1",
    route_class=StrictRoute,
    tags=["8x8"],
    responses=ERRORS,
    dependencies=[Security(HTTPBearer(scheme_name="ApiKey", auto_error=False))],
)


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


def _named(platform: Platform, account: str) -> BusinessNumber | None:
    for find in (platform.business, platform.business_of_id):
        try:
            return find(account)
        except Refused:
            continue
    return None


async def _subaccount(request: Request, account: Annotated[m.Account, Path(alias="subAccountId")]) -> BusinessNumber:
    found = _named(_platform(request), account)
    if found is None:
        raise FaceError(Problem.WRONG_ACCOUNT)
    return found


Subaccount = Annotated[BusinessNumber, Depends(_subaccount)]


async def _channel(
    request: Request, number: Subaccount, channel: Annotated[m.Account, Path(alias="channelId")]
) -> BusinessNumber:
    if _named(_platform(request), channel) is not number:
        raise FaceError(Problem.WRONG_ACCOUNT)
    return number


Channel = Annotated[BusinessNumber, Depends(_channel)]


@router.get(f"{CHANNEL}/callPermissions", response_model_exclude_none=True, operation_id="get_call_permission_status")
async def get_call_permission_status(
    request: Request, number: Channel, destination: Annotated[m.Msisdn, Query()]
) -> m.CallPermissions:
    """Whether the user may be asked and called."""
    view = _platform(request).look_up_permission(number.number, destination)
    return m.CallPermissions(
        status=_STATUS[view.grant],
        expiration_time=None if view.expires_at is None else datetime.fromtimestamp(view.expires_at, UTC),
        actions=[
            m.Action(
                action_name=action.name,
                can_perform_action=action.possible,
                limits=[
                    m.Limit(time_period=limit.period, max_allowed=limit.most, current_usage=limit.used)
                    for limit in action.limits
                ],
            )
            for action in actions(view)
        ],
    )


@router.post("/subaccounts/{subAccountId}/messages", response_model_exclude_none=True, operation_id="send_8x8_message")
async def send_message(request: Request, number: Subaccount, message: m.Message) -> m.MessageSent:
    """Text, permission request or call button, interactive or as a template."""
    platform = _platform(request)
    user = message.user.msisdn or message.user.channel_user_id
    if user is None:
        raise invalid("user", "give msisdn or channelUserId")
    sent = send(platform, number.number, user, _outgoing(message))
    return m.MessageSent(
        umid=str(uuid.uuid5(uuid.NAMESPACE_URL, sent.id)),
        user=m.SentTo(msisdn=message.user.msisdn, channel_user_id=message.user.channel_user_id),
        client_message_id=message.client_message_id,
        status=m.Status(timestamp=datetime.fromtimestamp(sent.at_s, UTC)),
    )


@router.post(f"{CHANNEL}/calls", status_code=202, response_model_exclude_none=True, operation_id="start_call")
async def start_call(request: Request, number: Channel, order: m.CallOrder) -> m.CallTaken:
    """Assumed: call the customer and, once they have answered, the PBX."""
    call = _platform(request).order_call(number.number, order.destination, order.context)
    return m.CallTaken(call_id=call, destination=order.destination, client_reference_id=order.client_reference_id)


@router.delete(f"{CHANNEL}/calls/{{callId:path}}", status_code=204, operation_id="end_call")
async def end_call(
    request: Request, number: Channel, call: Annotated[str, Path(alias="callId", min_length=1, max_length=256)]
) -> None:
    """Assumed: end a call that was started here, whatever its state."""
    platform = _platform(request)
    record = platform.call(call)
    if record is None or record.business != number.number:
        raise Refused(Refusal.NO_SUCH_CALL)
    platform.end_call(call)


def _outgoing(message: m.TextMessage | m.InteractiveMessage | m.TemplateMessage) -> Outgoing:
    match message:
        case m.TextMessage(content=content):
            return Text(content.text)
        case m.InteractiveMessage(content=m.InteractiveContent(interactive=m.RequestInteractive(body=body))):
            return PermissionRequest(body.text if body else "")
        case m.InteractiveMessage(content=m.InteractiveContent(interactive=m.ButtonInteractive() as interactive)):
            asked = interactive.action.parameters
            return ButtonMessage(
                ButtonKind.INTERACTIVE, interactive.body.text, asked.display_text, asked.ttl_minutes, asked.payload
            )
        case m.TemplateMessage(content=m.TemplateContent(template=template)):
            return _from_template(template)
    raise AssertionError(message)


def _from_template(template: m.Template) -> Outgoing:
    """What a template is shows in its components: there is no list of approved templates here."""
    components = template.components
    values = [value.text for part in components for value in part.parameters if part.type in ("header", "body")]
    text = template_text(template.name, values)
    buttons = [part for part in components if part.sub_type == "VoiceCall"]
    asks = any(part.type == "call_permission_request" for part in components)
    if asks and buttons:
        raise invalid("content.template.components", "a template asks for permission or offers a call, not both")
    if asks:
        return PermissionRequest(text, template=True)
    if not buttons:
        return Text(text, template=True)
    given = buttons[0].parameters
    return ButtonMessage(
        ButtonKind.TEMPLATE,
        text,
        ttl_minutes=next((value.ttl_minutes for value in given if value.type == "ttlMinutes"), None),
        payload=next((value.payload for value in given if value.type == "payload"), ""),
    )
