"""What an INVITE of the PBX must look like to become a call, beyond its credentials (Meta's troubleshooting page)."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from simulators.trunk.profile import RefusalRule

_PLAIN_AUDIO = re.compile(r"^m=audio \d+ (RTP/AVPF?) ", re.MULTILINE)


def broken(rule: RefusalRule, request: Any, pbx_name: str) -> str | None:
    """What of an INVITE (sippy's) breaks ``rule``, as it stands there; None when it keeps it."""
    return _RULES[rule](request, pbx_name)


def _ip_in_request_uri(request: Any, _pbx_name: str) -> str | None:
    host = str(request.getRURI().host)
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return None
    return host


def _sips_uri(request: Any, _pbx_name: str) -> str | None:
    uri = request.getRURI()
    return str(uri) if uri.scheme == "sips" else None


def _from_host(request: Any, pbx_name: str) -> str | None:
    host = str(request.getHFBody("from").getUrl().host).lower()
    name = pbx_name.lower()
    return None if name == host or name.endswith(f".{host}") else host


def _plain_media(request: Any, _pbx_name: str) -> str | None:
    body = request.getBody()
    found = _PLAIN_AUDIO.search(body.localStr()) if body is not None else None
    return found.group(1) if found else None


_RULES: dict[RefusalRule, Callable[[Any, str], str | None]] = {
    RefusalRule.IP_IN_REQUEST_URI: _ip_in_request_uri,
    RefusalRule.SIPS_URI: _sips_uri,
    RefusalRule.FROM_HOST: _from_host,
    RefusalRule.PLAIN_MEDIA: _plain_media,
}
