"""docs/platform.md, its tables taken from the faces' own OpenAPI description, the people's file and the errors.

``python -m simulators.whatsapp.faces.face_docs`` writes the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from simulators.whatsapp.faces.app import FaceSettings, make_app
from simulators.whatsapp.faces.bodies import DEEPEST, LONGEST_BODY
from simulators.whatsapp.faces.errors import BAD_REQUEST, CPAAS_INVALID, PROBLEMS
from simulators.whatsapp.ledger import Ledger
from simulators.whatsapp.people import Directory
from simulators.whatsapp.people_file import BusinessTable, UserTable
from simulators.whatsapp.service import Platform

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "platform.md"

_TEXT = """# WhatsApp's platform

`trunkproof platform` is WhatsApp's side of calling for your backend: it keeps consent, limits and chats by
[Meta's rules](platform-rules.md), answers as Meta's Graph API and as 8x8's, delivers signed webhooks, and lets you act
as the users. In a run every worker has one of its own; there the trunk asks it about each call.

```sh
trunkproof platform --webhook-url http://127.0.0.1:9000/webhooks
```

It prints the addresses, the token and requests to try, then each request, message, call and webhook as it happens. At
its prompt you are the users (`Ana allows`, `+34600000001 writes hello`) and move the clock (`clock +8d`); `help` lists
the rest. `--ledger` keeps consent in a file that survives the process, also when it is killed; `--rules` and
`--availability` name files with [rules](platform-rules.md) that differ. Token and app secret may come from the
environment (`TRUNKPROOF_ACCESS_TOKEN`, `TRUNKPROOF_APP_SECRET`). No trunk is connected to it: an order to call that is
permitted gets error 138004.

## People

`--people` names a TOML file with tables `[[businesses]]` and `[[users]]`; without it there is
`simulators/whatsapp/sample_people.toml`.

{businesses}

{users}

## Requests

Every request needs `Authorization: Bearer <token>`. Errors come with Meta's codes in Graph's envelope, or in the form
that 8x8 publishes, with Meta's code at the end of the message. `GET /openapi.json` is the whole description; a test
holds the server against it.

{table}

8x8 publishes no interface for starting a call: its guide says only that the backend asks for one. The two
requests for calls are therefore **assumed**; compare them with what you were given at onboarding. A subaccount and
its channel are both named by the business number or by its phone number id.

## Errors

What WhatsApp refuses has its code in the [platform's rules](platform-rules.md#what-a-refusal-says). What is wrong with
a request as such:

{problems}

8x8 does not publish how it passes on a refusal of Meta's: HTTP status 403 and code 1201 (429 for rates, 500 and code
2000 without a trunk) are **assumed**.

Input is read strictly: numbers are not taken from texts; control characters, names that occur twice in an object,
nesting deeper than {deepest} levels and bodies longer than {longest} KiB are refused. Names that are not known are
ignored.

## Webhooks

Webhooks have Meta's form and are signed as Meta signs them: `X-Hub-Signature-256` is the HMAC of the body with the app
secret. What is not taken with a status of 200 to 299 comes again. Meta promises neither order nor that each webhook
comes once: in scenarios, repetition and changed order can be switched on (`WebhookHabits`).

| field | tells |
|---|---|
| `messages` | what the user writes; the reply to a permission request, also when it is given or taken back by itself |
| `calls` | a call was created or ended; of calls that the backend started, whether it rang, was taken or declined |

## What is simulated, and what is not

| | |
|---|---|
| permission, its requests, limits, expiry and revocation | by Meta's rules, each with its source and a switch |
| countries, call hours, call icons, buttons and links with their expiry | yes |
| the 24 h in which a business may write freely | yes; a template may have any name: approval is not simulated |
| calls of a number in SIP mode | over the trunk; Graph's own requests for calls get error 131055, as at Meta |
| calls in Graph mode | the request and its webhooks, without media |
| 8x8's own form of webhooks | no: they come in Meta's form |
| settings | kept and shown; voicemail is not there, and SIP passwords do not change |
| Graph's `pre_accept`, `accept`, `reject` | no: they belong to media over the Graph API |
| prices and payment | only whether there is a payment method |

Sources: Meta, Cloud API calling (settings, calls, user call permissions, call button messages, SIP, troubleshooting),
webhooks and error codes; 8x8, API description and error codes of its Messaging Apps API, guide to business-initiated
calling. Texts of errors are ours.
"""


def face_document() -> str:
    """The page."""
    platform = Platform(Ledger(Directory.of()), now=lambda: 0.0, emit=lambda _: None, deliver=lambda _: None)
    app = make_app(platform, FaceSettings(access_token="shown to nobody"))
    parts = {
        "table": _rows(app.openapi()),
        "businesses": _keys("businesses", BusinessTable),
        "users": _keys("users", UserTable),
        "problems": _problems(),
    }
    text = _TEXT.replace("{deepest}", str(DEEPEST)).replace("{longest}", str(LONGEST_BODY // 1024))
    for name, lines in parts.items():
        text = text.replace(f"{{{name}}}", "\n".join(lines))
    return text


def _keys(table: str, model: type[BaseModel]) -> Iterator[str]:
    """The keys of a table of the people's file, with their defaults."""
    yield f"| key of `[[{table}]]` | when it is left out |"
    yield "|---|---|"
    for name, field in model.model_fields.items():
        yield f"| `{name}` | {_left_out(name, field)} |"


def _left_out(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "must be there"
    if isinstance(field.default, StrEnum):
        others = ", ".join(f"`{value}`" for value in type(field.default) if value != field.default)
        return f"`{field.default}` (others: {others})"
    if name == "country":
        return "what the number or user id says"
    if isinstance(field.default, str):
        return field.default or "empty"
    if isinstance(field.default, bool):
        return str(field.default).lower()
    if isinstance(field.default, float | int):
        return f"{field.default:g}"
    return "none"


def _problems() -> Iterator[str]:
    yield "| problem | HTTP | Meta | 8x8 |"
    yield "|---|---|---|---|"
    for codes in PROBLEMS.values():
        yield f"| {codes.says} | {codes.status} | {codes.graph} | {codes.cpaas} |"
    yield f"| A parameter is wrong. | {BAD_REQUEST} | 100 | {CPAAS_INVALID} |"


def _rows(description: dict[str, Any]) -> Iterator[str]:
    yield "| request | does |"
    yield "|---|---|"
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            summary = operation.get("description") or operation.get("summary", "")
            yield f"| `{method.upper()} {path}` | {summary.splitlines()[0]} |"


if __name__ == "__main__":
    DOCUMENT.write_text(face_document(), encoding="utf-8")
