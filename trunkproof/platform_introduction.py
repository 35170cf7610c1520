"""What ``trunkproof platform`` says first: who is there, and how to call it."""

from __future__ import annotations

import json
import shlex

from rich.console import Console
from rich.table import Table

from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.protocol import PlatformConfig
from trunkproof.platform_prompt import HELP

GRAPH_VERSION = "v23.0"


def introduce(
    console: Console,
    config: PlatformConfig,
    url: str,
    businesses: list[BusinessNumber],
    users: list[WhatsAppUser],
    *,
    token: str,
) -> None:
    """Print it. ``token`` is shown as it is given: a shell variable, perhaps."""
    kept = f"consent kept in {config.ledger}" if config.ledger else "consent kept until it ends"
    console.print(f"WhatsApp's platform at {url} · {kept}", style="bold", markup=False, highlight=False)
    if config.webhook_url:
        signed = f"webhooks to {config.webhook_url}, signed with the app secret {config.app_secret}"
        console.print(signed, style="dim", markup=False, highlight=False, soft_wrap=True)
    console.print()
    console.print(_people(businesses, users))
    for what, line in curl_lines(url, token, businesses[0], users[0] if users else None):
        console.print(f"\n# {what}", style="dim", markup=False, highlight=False)
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(f"\n{HELP}\n", style="bold", markup=False, highlight=False, soft_wrap=True)


def curl_lines(url: str, token: str, business: BusinessNumber, user: WhatsAppUser | None) -> list[tuple[str, str]]:
    """What it does and the command, for both faces."""
    number = user.number if user and user.number else "+34600000001"
    graph = f"{url}/{GRAPH_VERSION}/{business.phone_number_id}"
    account = business.phone_number_id
    channel = f"{url}/api/v1/whatsapp/subaccounts/{account}/channels/{account}"
    request = {
        "messaging_product": "whatsapp",
        "to": number,
        "type": "template",
        "template": {
            "name": "may_we_call",
            "language": {"code": "en_US"},
            "components": [{"type": "call_permission_request"}],
        },
    }
    return [
        ("Meta: ask for permission to call", _curl(token, f"{graph}/messages", request)),
        ("Meta: what is permitted", _curl(token, f"{graph}/call_permissions?user_wa_id={number.removeprefix('+')}")),
        (
            "8x8: what is permitted",
            _curl(token, f"{channel}/callPermissions?destination=%2B{number.removeprefix('+')}"),
        ),
        ("8x8: call the user (assumed)", _curl(token, f"{channel}/calls", {"destination": number})),
    ]


def _curl(token: str, url: str, body: object = None) -> str:
    # Double quotes, so that a shell variable is seen by the shell.
    line = f'curl -H "Authorization: Bearer {token}" {shlex.quote(url)}'
    if body is None:
        return line
    return f"{line} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"


def _people(businesses: list[BusinessNumber], users: list[WhatsAppUser]) -> Table:
    table = Table("", "number", "name", "country", "phone number id", box=None, pad_edge=False)
    for business in businesses:
        about = (business.number, business.name, business.country, business.phone_number_id)
        table.add_row("business", *about)
    for user in users:
        table.add_row("user", user.key, user.profile_name, user.country, "")
    return table
