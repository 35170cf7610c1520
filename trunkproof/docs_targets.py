"""docs/targets.md, written from the target file's model: ``python -m trunkproof.docs_targets``."""

from __future__ import annotations

from pathlib import Path

from harness.target import Claim, RecordingsSection, Target
from trunkproof.docs_tables import KeyTables, meaning

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "targets.md"

_INTRODUCTION = """\
# Target files

All that trunkproof knows of the phone system under test is in one TOML file. Built in, in `scenarios/targets/`, are
`reference`, the Asterisk that comes with trunkproof, `reference-load`, the same set up for many calls, and
`reference-sites`, two of them behind Kamailio as SBC. For your own PBX or SBC:

1. Copy `scenarios/targets/reference.toml` to, say, `my_pbx.toml`. Set `[pbx] adapter = "external"`, `host` and
   `port`, and remove `provider` and `clock`. Say under `[recordings]` how yours are fetched, or remove it.
2. Tell your PBX about the trunk: allow the addresses of `[trunk] addresses` as a trunk by IP address (or with
   `digest_username` and `digest_password`) and route your numbers from there. The addresses are this machine's
   own; scenarios run side by side need one each.
3. Make a few agent accounts for the test and put their extensions in `[agents]`. Keep the password out of the
   file: `password = "env:PBX_AGENT_PASSWORD"` or `"file:~/.secrets/pbx"`.
4. Write down each queue with its agents, and each number with its purpose. Numbers that share a queue are used
   by one scenario at a time: four queues let four scenarios run side by side (`-n 4`).
5. List in `claims` what your PBX is to do. What it does not claim is not run.
6. For greetings, announcements and music give the very WAV files that your PBX plays: they are recognised
   sample by sample in what the customer hears. Paths are relative to the target file.
7. `trunkproof doctor --target my_pbx.toml` checks the file and that everything in it can be reached; then
   `trunkproof run --target my_pbx.toml`.

`--target` may be given several times: each scenario then runs on the first target that claims all it is tagged with.
Without it a run is against all reference targets.

Meta's own trunk (`--profile meta-sdes`, `--profile meta-dtls`) speaks TLS and SRTP only. Set
`[pbx] transport = "tls"` and the `hostname` that is in your PBX's certificate. A certificate of a public CA is checked
as Meta checks it; for one of your own CA name that in `[trunk] ca`. If your PBX checks the trunk's certificate, give
the trunk one that it trusts (`certificate`, `key`).
`trunkproof doctor` tells in one line what is wrong with TLS. `meta-dtls` has ICE, which finds no candidates at
addresses of 127.0.0.0/8: `[phones] addresses` must be others, as in the example. (With the reference PBX the run
makes a [network of its own](trunk-profiles.md#trunk-profiles) for that.)

A wrong key or value is one line that names the file, the line, the key and the nearest key there is.

Addresses outside loopback work as well: give addresses of this machine that the PBX can reach. The load
generator refuses targets without `load_allowed = true`.

```toml
name = "acme"
claims = ["pcmu", "pcma", "greeting", "queue_music"]

[pbx]
host = "192.0.2.10"
timezone = "Europe/Madrid"

[trunk]
profile = "my_8x8.toml"
addresses = ["192.0.2.20-192.0.2.21"]

[phones]
addresses = ["192.0.2.22"]

[agents]
extensions = ["801-804"]
password = "env:PBX_AGENT_PASSWORD"

[[queues]]
name = "support"
agents = ["801-804"]
ring_s = 20

[[numbers]]
number = "+34912345678"
purpose = "support"
queue = "support"
hours = "Mon-Fri 09:00-18:00, Sat 10:00-14:00"

[prompts.greeting]
any = "sounds/welcome.wav"

[prompts.music]
any = "sounds/hold.wav"
```

This page is written by `python -m trunkproof.docs_targets`.
"""

_RECORDINGS = """\
What is said of a recording is a JSON object; the HTTP interface lists them as `{"recordings": [...]}`:

```json
{"id": "1773138603.2", "caller": "+447700900123", "called": "+442079460104", "agents": ["1001"],
 "queue": "support-a", "wacid": "wacid.HBgM…", "start": "2026-03-10T10:30:10.514+00:00", "duration_s": 3.527,
 "consent": "agreed", "sha256": "41da2a65…"}
```

`agents` are extensions in the order in which they took the call, `start` has its time zone, `duration_s` counts from
the first agent's answer, `consent` is `agreed` when the customer heard the notice and did not refuse, `sha256` is the
WAV's. Other keys are let be; in a directory the file's name is the `id`.
"""

_PROMPTS = """\
## `[prompts.<name>]`

Keys are languages (`en`, `es`, …) or `any`; values are WAV files. Names that scenarios ask for: `greeting`,
`after_hours`, `no_agent`, `busy`, `not_in_service`, `language_menu`, `order_number`, `digit_0` to `digit_9` (each a
word of half a second or more), `music`, and those that `[ivr]` and `[recordings] notice` name. The reference PBX plays
all of them and `voicemail_thanks`, and wants 8000 Hz, mono. `site_<name>` is the greeting of a site, by which it is
recognised.
"""


def target_document() -> str:
    """The page."""
    tables = KeyTables(left_out=("prompts",), after={RecordingsSection: _RECORDINGS})
    parts = [_INTRODUCTION, "## Top of the file\n", tables.table(Target), *tables.sections(Target)]
    parts += [_PROMPTS, "## Claims\n", f"{meaning(Claim)}\n", "".join(f"- `{claim.value}`\n" for claim in Claim)]
    return "\n".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(target_document(), encoding="utf-8")
