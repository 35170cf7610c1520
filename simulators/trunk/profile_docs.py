"""docs/trunk-profiles.md, written from the profile's model.

``python -m simulators.trunk.profile_docs`` writes the file.
"""

from __future__ import annotations

import ast
import inspect
import json
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from simulators.trunk.header_rules import PLACEHOLDERS, HeaderRule
from simulators.trunk.profile import Profile, Table

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "trunk-profiles.md"

_INTRODUCTION = """\
# Trunk profiles

A profile says how a trunk behaves: what its INVITE looks like, which codecs it carries, who must
authenticate to whom, what it does with a re-INVITE. 8x8 publishes none of these for its SIP leg and gives
them at onboarding, so the built-in profile `8x8` is an assumption, line by line, and you replace it:
copy `simulators/trunk/profiles/8x8.toml`, enter what you were given, and name your file in the target
(`[trunk] profile = "my_8x8.toml"`) or on the command line (`trunkproof trunk --profile my_8x8.toml`).

`meta-sdes` is Meta's own trunk, with no CPaaS between: TLS both ways, SRTP with keys in the SDP, Meta's headers and
refusals, two proxies that record a route. Each of its lines names the page or the trace that it comes from. One thing
differs from the real one: your PBX finds the trunk under its address, or under the target's `[trunk] hostname`, never
under `wa.meta.vc`, which leads to Meta.

`gupshup-like` is a CPaaS bridge as Gupshup documents its own: plain RTP with Opus as 102 and telephone-event at 48000
and 8000 Hz, Call-IDs of its own, Meta's headers passed through beside `X-WV-…`, and refusals that a PBX must not take
for a fault of the network: no permission is 502 after 180. Nobody has said that 8x8's bridge is alike.

`meta-dtls` is the same trunk in its default mode: ICE, and SRTP whose keys come from DTLS (`UDP/TLS/RTP/SAVPF`). The
PBX must answer with ICE, a fingerprint by SHA-256 and `a=setup:active`, for Meta never begins. The customer's phone is
a full ICE agent, where Meta's side is a lite one (`a=ice-lite` is in the offer all the same): who nominates the
candidates cannot be judged here. Nor can [key presses](dtmf.md#on-an-encrypted-trunk), since nobody on the way has the
keys of SRTP.

ICE takes no address of 127.0.0.0/8. With the reference PBX a run therefore makes a network of its own (a network
namespace of Linux) with addresses of 198.18.0.0/16, which RFC 2544 keeps for tests. Nobody else sees it, and it is gone
with the run, however that ends. As root it always works, as another user where the kernel has user namespaces; else
one line says so. Docker's containers are outside of it, so the PBX comes by `rootfs` or `local`. With a PBX of
yours (`adapter = "external"`) nothing of this happens: give `[trunk]` and `[phones]` addresses of your network.

Keys that you leave out have the defaults below. A wrong key or value is one line that names the file,
the line, the key and the nearest key there is. This page is written by
`python -m simulators.trunk.profile_docs`.
"""


def profile_document() -> str:
    """The page."""
    parts = [_INTRODUCTION, "## Top of the file\n", _table(Profile, tables=False)]
    for name, field in Profile.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, Table):
            parts += [f"## `[{name}]`\n", f"{inspect.getdoc(model)}\n".replace("``", "`"), _table(model)]
    parts += [
        "## `[[header_rules]]`\n",
        "One change of one header; rules apply in the order of the file, last to messages for the PBX and "
        "first to messages from it.\n",
        _table(HeaderRule),
        "## Placeholders\n",
        "In templates (URIs, `headers.call_id`, `headers.extra`, values of header rules):\n",
        "| placeholder | becomes |\n|---|---|\n"
        + "".join(f"| `{{{name}}}` | {meaning} |\n" for name, meaning in PLACEHOLDERS.items()),
    ]
    return "\n".join(parts)


def _table(model: type[BaseModel], *, tables: bool = True) -> str:
    documented = _attribute_documents(model)
    rows = ["| key | default | meaning and source |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if name == "header_rules" or (not tables and _is_table(field)):
            continue
        rows.append(f"| `{name}` | {_default(field)} | {documented[name]} |")
    return "\n".join(rows) + "\n"


def _is_table(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Table)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    return f"`{json.dumps(field.default, default=_plain)}`"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else sorted(value)


def _attribute_documents(model: type[BaseModel]) -> dict[str, str]:
    """The text under each field of a model; a field without one is an error of ours (KeyError later)."""
    body = ast.parse(inspect.getsource(model)).body[0]
    assert isinstance(body, ast.ClassDef)
    documents: dict[str, str] = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            text = " ".join(str(following.value.value).split())
            documents[statement.target.id] = text.replace("``", "`").replace("|", "\\|")
    return documents


if __name__ == "__main__":
    DOCUMENT.write_text(profile_document(), encoding="utf-8")
