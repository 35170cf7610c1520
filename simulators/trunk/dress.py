"""What the profile puts on messages to the PBX, beside the URIs of the dialog."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.sip.message import SipMessage, parameter
from harness.trace import decode_octets
from simulators.trunk.header_rules import fill
from simulators.trunk.profile import Profile
from simulators.trunk.sdp import with_lines

_ALLOW_IN_RESPONSES_TO = frozenset({"INVITE", "OPTIONS"})


def supported_tags(profile: Profile) -> list[str]:
    """Option tags in Supported, ``timer`` among them when session timers are advertised (RFC 4028)."""
    tags = list(profile.headers.supported)
    if profile.dialog.session_timer == "advertise" and "timer" not in tags:
        tags.append("timer")
    return tags


def dress(message: SipMessage, profile: Profile, values: Mapping[str, str]) -> None:
    """Change ``message``, on its way to the PBX, in place."""
    message.remove("Expires")
    message.remove("User-Agent")
    message.remove("Server")
    name, text = (
        ("User-Agent", profile.headers.user_agent)
        if message.is_request
        else (
            "Server",
            profile.headers.server,
        )
    )
    if text:
        message.add(name, text)
    if _says_what_it_can(message):
        if profile.headers.allow:
            message.set("Allow", ", ".join(profile.headers.allow))
        if tags := supported_tags(profile):
            message.set("Supported", ", ".join(tags))
    if not message.is_request and message.method == "INVITE":
        media = profile.media
        change_sdp(
            message,
            lambda sdp: with_lines(
                sdp,
                [fill(line, values) for line in media.answer_session_lines],
                [fill(line, values) for line in media.answer_audio_lines],
            ),
        )
    if message.is_request and message.method == "INVITE" and not parameter(message.get("To"), "tag"):
        _dress_first_invite(message, profile, values)


def dress_for_customer(message: SipMessage, profile: Profile) -> None:
    """Change ``message``, on its way to a customer's phone, in place."""
    message.remove("Expires")
    message.remove("User-Agent")
    message.remove("Server")
    if _says_what_it_can(message):
        message.set("Allow", ", ".join(profile.headers.allow))


def change_sdp(message: SipMessage, change: Callable[[str], str]) -> None:
    """Change the SDP of ``message`` in place, if it has one."""
    if message.body and message.get("Content-Type").strip().lower().startswith("application/sdp"):
        message.body = change(decode_octets(message.body)).encode("utf-8", "surrogateescape")


def _says_what_it_can(message: SipMessage) -> bool:
    if message.is_request:
        return message.method in ("INVITE", "OPTIONS")
    return message.code == 405 or (message.method in _ALLOW_IN_RESPONSES_TO and 200 <= message.code < 300)


def _dress_first_invite(message: SipMessage, profile: Profile, values: Mapping[str, str]) -> None:
    identity = profile.identity
    uri = fill(identity.uri, values)
    name = message.get("From").partition("<")[0].strip()
    address = f"{name} <{uri}>" if name else f"<{uri}>"
    message.set("Max-Forwards", str(profile.headers.max_forwards))
    if identity.asserted_identity:
        message.set("P-Asserted-Identity", address)
    if identity.remote_party_id:
        hidden = "full" if identity.privacy == "id" else "off"
        message.set("Remote-Party-ID", f"{address};party=calling;screen=yes;privacy={hidden}")
    if identity.privacy:
        message.set("Privacy", identity.privacy)
    for header, template in profile.headers.extra.items():
        if value := fill(template, values):
            message.add(header, value)
