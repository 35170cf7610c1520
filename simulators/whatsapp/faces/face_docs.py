"""docs/platform.md, its table of requests taken from the faces' own OpenAPI description.

``python -m simulators.whatsapp.faces.face_docs`` writes the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulators.whatsapp.faces.app import FaceSettings, make_app
from simulators.whatsapp.ledger import Ledger
from simulators.whatsapp.people import Directory
from simulators.whatsapp.service import Platform

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "platform.md"

_TEXT = """# WhatsApp's platform

`trunkproof platform` is WhatsApp's side of calling for your backend: it keeps consent, limits and chats by
[Meta's rules](platform-rules.md), answers as Meta's Graph API and as 8x8's, delivers signed webhooks, and lets you act
as the users. In a run every worker has one of its own; there the trunk asks it about each call.

```sh
trunkproof platform --webhook-url http://127.0.0.1:9000/webhooks
```

It prints the addresses, the token and requests to try. At its prompt you are the users, `help` lists what they can do.
`--people` names a TOML file with business numbers and users of your own; `--ledger` keeps consent in a file that
survives the process, also when it is killed.

## Requests

Every request needs `Authorization: Bearer <token>`. Errors come with Meta's codes in Graph's envelope, or in the form
that 8x8 publishes, with Meta's code at the end of the message. `GET /openapi.json` is the whole description; a test
holds the server against it.

{table}

8x8 publishes no interface for starting a call: its guide says only that the backend asks for one. The two
requests for calls are therefore **assumed**; compare them with what you were given at onboarding.

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
| prices and payment | only whether there is a payment method |
"""


def face_document() -> str:
    """The page."""
    platform = Platform(Ledger(Directory.of()), now=lambda: 0.0, emit=lambda _: None, deliver=lambda _: None)
    app = make_app(platform, FaceSettings(access_token="shown to nobody"))
    return _TEXT.replace("{table}", "\n".join(_rows(app.openapi())))


def _rows(description: dict[str, Any]) -> Iterator[str]:
    yield "| request | does |"
    yield "|---|---|"
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            summary = operation.get("description") or operation.get("summary", "")
            yield f"| `{method.upper()} {path}` | {summary.splitlines()[0]} |"


if __name__ == "__main__":
    DOCUMENT.write_text(face_document(), encoding="utf-8")
