"""Checks of pjsua2, always in another process: loading it here would start its machinery in ours."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from simulators.phones.build import PUBLISHED_LIMITS
from trunkproof.doctor.check import Check

_PROBE_DEADLINE_S = 20.0
# pjsua2 logs to standard output before it can be told not to.
_MARK = "trunkproof-facts "
_PROBE = """
import json, os, sys
import pjsua2
try:
    from pjsua2_build import PJSUA_MAX_CALLS as max_calls
except ImportError:
    max_calls = None
endpoint = pjsua2.Endpoint()
endpoint.libCreate()
config = pjsua2.EpConfig()
config.uaConfig.threadCnt = 0
config.logConfig.level = config.logConfig.consoleLevel = 0
endpoint.libInit(config)
codecs = [codec.codecId for codec in endpoint.codecEnum2()]
facts = {"version": endpoint.libVersion().full, "codecs": codecs, "max_calls": max_calls}
print("\\n" + sys.argv[1] + json.dumps(facts), flush=True)
# libDestroy() would wait a second for transactions that there are none of.
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Pjsua2:
    """What this environment's pjsua2 can do. ``codecs`` are names such as ``opus/48000/2``."""

    version: str
    codecs: tuple[str, ...]
    max_calls: int

    @property
    def has_opus(self) -> bool:
        """Whether Opus is among the codecs."""
        return any(codec.lower().startswith("opus/") for codec in self.codecs)


def probe_pjsua2() -> Pjsua2 | str:
    """What pjsua2 can do, or in one line why it can't be used."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, _MARK],
            capture_output=True,
            text=True,
            timeout=_PROBE_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not start within {_PROBE_DEADLINE_S:g} s"
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else f"it ended with status {done.returncode}"
    return read_answer(done.stdout)


def read_answer(text: str) -> Pjsua2 | str:
    """The probe's answer as a value, or in one line what is wrong with it.

    ``text`` may hold log lines too.
    """
    answers = [line.removeprefix(_MARK) for line in text.splitlines() if line.startswith(_MARK)]
    try:
        facts = json.loads(answers[-1] if answers else "")
    except json.JSONDecodeError:
        return "its probe gave no readable answer"
    return Pjsua2(facts["version"], tuple(facts["codecs"]), facts["max_calls"] or PUBLISHED_LIMITS.max_calls)


def judge(found: Pjsua2 | str) -> list[Check]:
    """The checks that follow from what the probe found."""
    if isinstance(found, str):
        return [Check("pjsua2", False, f"can't be used: {found}", "run 'python3 -m bootstrap'")]
    checks = [Check("pjsua2", True, f"{found.version}, up to {found.max_calls} calls per process")]
    # L16 and several speex rates are of no interest on a phone trunk, but hiding them would mislead.
    names = ", ".join(sorted({codec.rpartition("/")[0] for codec in found.codecs}))
    if found.has_opus:
        checks.append(Check("codecs", True, names))
    else:
        checks.append(
            Check(
                "codecs",
                None,
                f"{names}; no Opus, which WhatsApp uses",
                "unset TRUNKPROOF_PJSUA2 and run 'python3 -m bootstrap' as root on Debian to compile it",
            )
        )
    return checks
