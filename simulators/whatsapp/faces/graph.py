"""Meta's Graph endpoints of a business number: settings, calls, call permissions, messages.

Source: Meta, Cloud API calling (settings, calls, user call permissions, call button messages).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Security
from fastapi.security import APIKeyQuery, HTTPBearer

from simulators.whatsapp.entry_points import ButtonKind
from simulators.whatsapp.faces import graph_models as m
from simulators.whatsapp.faces import number_settings
from simulators.whatsapp.faces.access import FaceSettings, GraphRoute
from simulators.whatsapp.faces.errors import FaceError, GraphError, Problem, invalid
from simulators.whatsapp.faces.outgoing import ButtonMessage, Outgoing, PermissionRequest, Text, send, template_text
from simulators.whatsapp.faces.permissions import actions
from simulators.whatsapp.faces.settings_models import Settings, SettingsChange
from simulators.whatsapp.people import BusinessNumber
from simulators.whatsapp.refusals import Refusal, Refused
from simulators.whatsapp.service import Platform

ERRORS: dict[int | str, dict[str, object]] = {
    400: {"model": GraphError, "description": "A parameter is wrong, or the platform refuses"},
    401: {"model": GraphError, "description": "No token, calling not enabled, or no call permission"},
    404: {"model": GraphError, "description": "There is nothing at this path"},
    413: {"model": GraphError, "description": "The body is too long"},
    429: {"model": GraphError, "description": "A rate or a limit of concurrent calls is exceeded"},
    500: {"model": GraphError, "description": "No trunk is connected, or the platform is out of order"},
}

router = APIRouter(
    prefix="/v{version}/{phone_number_id}",
    route_class=GraphRoute,
    tags=["Meta Graph"],
    responses=ERRORS,
    dependencies=[
        Security(HTTPBearer(scheme_name="AccessToken", auto_error=False)),
        Security(APIKeyQuery(name="access_token", scheme_name="AccessTokenInQuery", auto_error=False)),
    ],
)


async def _number(
    request: Request,
    version: Annotated[str, Path(pattern=r"^[0-9]{1,3}\.[0-9]{1,2}$", description="Of the Graph API; any")],
    phone_number_id: Annotated[str, Path(pattern=r"^[0-9]{1,32}$")],
) -> BusinessNumber:
    return _platform(request).business_of_id(phone_number_id)


Number = Annotated[BusinessNumber, Depends(_number)]


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


@router.get("/settings", response_model_exclude_none=True, operation_id="get_settings")
async def get_settings(request: Request, number: Number, include_sip_credentials: bool = False) -> Settings:
    """The number's calling settings."""
    face: FaceSettings = request.app.state.settings
    other = _platform(request).other_settings(number.number)
    return number_settings.shown(number, other, face, credentials=include_sip_credentials)


@router.post("/settings", operation_id="change_settings")
async def change_settings(request: Request, number: Number, change: SettingsChange) -> m.Done:
    """Change what is named."""
    platform = _platform(request)
    other = platform.other_settings(number.number)
    platform.put_business(number_settings.changed(number, other, change.calling))
    return m.Done()


@router.get("/call_permissions", response_model_exclude_none=True, operation_id="get_call_permissions")
async def get_call_permissions(
    request: Request,
    number: Number,
    user_wa_id: Annotated[m.Number | None, Query()] = None,
    recipient: Annotated[m.UserId | None, Query()] = None,
) -> m.CallPermissions:
    """Whether the user may be asked and called. People who cannot be called have given no permission."""
    view = _platform(request).look_up_permission(number.number, _one_of("user_wa_id", user_wa_id, recipient))
    return m.CallPermissions(
        permission=m.Permission(
            status=view.grant.value, expiration_time=None if view.expires_at is None else int(view.expires_at)
        ),
        actions=[
            m.Action(
                action_name=action.name,
                can_perform_action=action.possible,
                limits=[
                    m.Limit(
                        time_period=limit.period,
                        max_allowed=limit.most,
                        current_usage=limit.used,
                        limit_expiration_time=limit.frees_at,
                    )
                    for limit in action.limits
                ],
            )
            for action in actions(view)
        ],
    )


@router.post("/messages", operation_id="send_message")
async def send_message(request: Request, number: Number, message: m.Message) -> m.MessageSent:
    """Text, permission request or call button, interactive or as a template."""
    user = _one_of("to", message.to, message.recipient)
    sent = send(_platform(request), number.number, user, _outgoing(message))
    return m.MessageSent(
        contacts=[m.Contact(input=user, wa_id=sent.user.removeprefix("+"))], messages=[m.MessageId(id=sent.id)]
    )


@router.post("/calls", response_model_exclude_none=True, operation_id="act_on_call")
async def act_on_call(request: Request, number: Number, action: m.CallAction) -> m.CallConnected | m.Done:
    """Place or end a call of a number whose SIP is off. Its media is not simulated."""
    platform = _platform(request)
    if number.sip:
        raise Refused(Refusal.SIP_ENABLED)
    if isinstance(action, m.Connect):
        user = _one_of("to", action.to, action.recipient)
        call = platform.order_call(number.number, user, action.biz_opaque_callback_data)
        return m.CallConnected(calls=[m.CallId(id=call)])
    record = platform.call(action.call_id)
    if record is None or record.business != number.number:
        raise Refused(Refusal.NO_SUCH_CALL)
    if action.action != "terminate":
        raise FaceError(Problem.NOT_SIMULATED, f"action: {action.action} belongs to media over the Graph API.")
    platform.end_call(action.call_id)
    return m.Done()


def _one_of(name: str, number: str | None, user_id: str | None) -> str:
    """How the user is addressed. Raises Refused unless in exactly one way."""
    if (number is None) == (user_id is None):
        raise invalid(name, f"give either {name} or recipient")
    return number or user_id or ""


def _outgoing(message: m.TextMessage | m.InteractiveMessage | m.TemplateMessage) -> Outgoing:
    match message:
        case m.TextMessage():
            return Text(message.text.body)
        case m.InteractiveMessage(interactive=m.RequestInteractive(body=body)):
            return PermissionRequest(body.text if body else "")
        case m.InteractiveMessage(interactive=m.ButtonInteractive(body=body, action=action)):
            asked = action.parameters
            return ButtonMessage(
                ButtonKind.INTERACTIVE, body.text, asked.display_text, asked.ttl_minutes, asked.payload
            )
        case m.TemplateMessage(template=template):
            return _from_template(template)
    raise AssertionError(message)


def _from_template(template: m.Template) -> Outgoing:
    """What a template is shows in its components: there is no list of approved templates here."""
    components = template.components
    values = [value.text for part in components for value in part.parameters if part.type in ("header", "body")]
    text = template_text(template.name, values)
    buttons = [part for part in components if part.sub_type == "voice_call"]
    asks = any(part.type == "call_permission_request" for part in components)
    if asks and buttons:
        raise invalid("template.components", "a template asks for permission or offers a call, not both")
    if asks:
        return PermissionRequest(text, template=True)
    if not buttons:
        return Text(text, template=True)
    given = buttons[0].parameters
    return ButtonMessage(
        ButtonKind.TEMPLATE,
        text,
        ttl_minutes=next((value.ttl_minutes for value in given if value.type == "ttl_minutes"), None),
        payload=next((value.payload for value in given if value.type == "payload"), ""),
    )
