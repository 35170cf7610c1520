"""docs/platform-rules.md, written from the rules, the tables and the transition tables themselves.

``python -m simulators.whatsapp.rule_docs`` writes the file.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

from simulators.whatsapp.availability import published_availability
from simulators.whatsapp.consent import (
    CALL_TRANSITIONS,
    CONSEQUENCES,
    GRANT_TRANSITIONS,
    REQUEST_TRANSITIONS,
    CallPhase,
    Grant,
    RequestPhase,
)
from simulators.whatsapp.ledger import CHECKS
from simulators.whatsapp.refusals import ANSWERS, CALL_ENDS, Answer
from simulators.whatsapp.rules import Rule, Rules, published_rules

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "platform-rules.md"

State = TypeVar("State", bound=Enum)
Signal = TypeVar("Signal", bound=Enum)
Key = TypeVar("Key", bound=str)

_INTRODUCTION = """\
# WhatsApp's platform: what it decides about a call

The simulated platform decides about each call and each permission request as Meta publishes it. Every number is
in `simulators/whatsapp/rules.toml`, every country in `availability.toml` beside it, with source and date. Meta
changes them: do not tell users a fixed window or limit, look here. To change a rule, write only what differs into
a file of your own:

```toml
[connected_per_day]
value = 5

[callback_permission]
enabled = false
```

A rule that is switched off is not there: its limit does not apply, its effect does not happen. An availability
file of your own replaces the built-in one as a whole. This page is written by
`python -m simulators.whatsapp.rule_docs`.
"""


def rule_document() -> str:
    """The page."""
    availability = published_availability()
    business, user = availability.business_initiated, availability.user_initiated
    return "\n".join(
        [
            _INTRODUCTION,
            "## Rules\n",
            "`sandbox` is for public test numbers and sandbox accounts, where it differs.\n",
            _rows(
                ("rule", "value", "sandbox", "window", "meaning", "confidence", "source", "as of"),
                (_rule(name, getattr(published_rules(), name)) for name in Rules.model_fields),
            ),
            "## Availability\n",
            _rows(
                ("calls", "closed", "source", "as of"),
                [
                    (
                        "business-initiated, by the business number's country",
                        ", ".join(sorted(business.closed_business_countries)),
                        business.source,
                        str(business.date),
                    ),
                    (
                        "user-initiated; both directions for a business number there",
                        ", ".join(sorted(user.sanctioned_countries) + sorted(user.sanctioned_regions)),
                        user.source,
                        str(user.date),
                    ),
                ],
            ),
            "## Permission\n",
            "Nothing announces that a temporary permission expired.\n",
            _diagram(GRANT_TRANSITIONS, Grant.NONE),
            "## Permission request\n",
            _diagram(REQUEST_TRANSITIONS, RequestPhase.OPEN),
            "## Call\n",
            _diagram(CALL_TRANSITIONS, CallPhase.NONE),
            "What the steps of a call do beyond the call:\n",
            _rows(
                ("call", "step", "consequences"),
                ((phase, signal, "; ".join(found)) for (phase, signal), found in CONSEQUENCES.items()),
            ),
            "## What is asked before something happens\n",
            "In this order; the first no counts. The number and the user must be known in any case. Meta does not "
            "publish its own order.\n",
            _rows(
                ("event", "conditions"),
                (
                    (
                        f"`{kind}`",
                        " ".join(f"{place}. {inspect.getdoc(check)}" for place, check in enumerate(checks, 1)),
                    )
                    for kind, checks in CHECKS.items()
                    if checks
                ),
            ),
            "## What a refusal says\n",
            "`documented` is whether Meta publishes the code that the PBX gets or, where it gets none, the refusal "
            "itself. Texts of codes that are not documented are ours.\n",
            _answers("refusal", ANSWERS),
            "## How a call ends that was let through\n",
            _answers("end", CALL_ENDS),
        ]
    )


def _rule(name: str, rule: Rule) -> tuple[str, ...]:
    value = "switch" if rule.value is None else f"{rule.value:g} {rule.unit}"
    sandbox = "" if rule.sandbox is None else f"{rule.sandbox:g}"
    window = "" if rule.window_h is None else f"{rule.window_h:g} h"
    off = "" if rule.enabled else " (switched off)"
    return f"`{name}`{off}", value, sandbox, window, rule.text, rule.confidence, rule.source, str(rule.date)


def _answers(heading: str, answers: Mapping[Key, Answer]) -> str:
    return _rows(
        (heading, "SIP", "Graph (HTTP)", "meaning", "documented"),
        (
            (
                f"`{key}`",
                f"{answer.sip_code} {answer.sip_text}" if answer.sip_code else "",
                f"{answer.graph_code}" + (f" ({answer.graph_status})" if answer.graph_status else "")
                if answer.graph_code
                else "",
                answer.says,
                "yes" if answer.documented else "no",
            )
            for key, answer in answers.items()
        ),
    )


def _diagram(transitions: Mapping[tuple[State, Signal], State], first: State) -> str:
    """A state diagram in Mermaid's language."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first.value}"]
    lines += [
        f"    {before.value} --> {after.value}: {signal.value}" for (before, signal), after in transitions.items()
    ]
    return "\n".join([*lines, "```", ""])


def _rows(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}"]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    DOCUMENT.write_text(rule_document(), encoding="utf-8")
