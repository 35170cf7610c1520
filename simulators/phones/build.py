"""Which pjsua2 this machine has: version, codecs, calls at once.

pjsua2's endpoint exists once per process and can't be made twice, so the look is taken in a process of
its own: ``python -m simulators.phones.build`` prints it as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from simulators.phones.protocol import Codec

PROBED_CALLS = 64
_PROBE_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Pjsua2Build:
    """What the installed pjsua2 can do.

    ``version`` is empty and ``problem`` says why when there is none that works. ``max_calls`` is the
    number of calls at once per process, looked for up to ``PROBED_CALLS``.
    """

    version: str
    codecs: tuple[Codec, ...]
    max_calls: int
    problem: str = ""

    @property
    def usable(self) -> bool:
        return not self.problem

    @property
    def missing_codecs(self) -> tuple[Codec, ...]:
        """Codecs of a trunk that this build does not have."""
        return tuple(codec for codec in Codec if codec not in self.codecs)


def installed_build() -> Pjsua2Build:
    """Look at the installed pjsua2. Never raises: what goes wrong is in ``problem``."""
    try:
        probe = subprocess.run(
            [sys.executable, "-m", "simulators.phones.build"],
            capture_output=True,
            text=True,
            timeout=_PROBE_DEADLINE_S,
            check=False,
            cwd=Path(__file__).parents[2],
        )
    except subprocess.TimeoutExpired:
        return Pjsua2Build("", (), 0, f"pjsua2 did not start within {_PROBE_DEADLINE_S:g} s")
    lines = probe.stdout.strip().splitlines()
    if probe.returncode != 0 or not lines:
        reason = (probe.stderr.strip().splitlines() or [f"status {probe.returncode}"])[-1]
        return Pjsua2Build("", (), 0, f"pjsua2 does not start: {reason}")
    found = json.loads(lines[-1])
    return Pjsua2Build(found["version"], tuple(Codec(codec) for codec in found["codecs"]), found["max_calls"])


def _probe(directory: Path) -> Pjsua2Build:
    import pjsua2 as pj

    from simulators.phones.endpoint import PhoneEndpoint

    endpoint = PhoneEndpoint(directory, PROBED_CALLS)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    number = endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    settings = pj.AccountConfig()
    settings.idUri = "sip:probe@127.0.0.1"
    settings.sipConfig.transportId = number
    account = pj.Account()
    account.create(settings)
    endpoint.prefer(endpoint.codecs)
    # pjsua2 tells its compiled limit only by refusing a call: place calls to our own deaf ear.
    own_address = endpoint.transportGetInfo(number).localName
    calls: list[pj.Call] = []
    try:
        while len(calls) < PROBED_CALLS:
            call = pj.Call(account)
            call.makeCall(f"sip:probe@{own_address}", pj.CallOpParam(True))
            calls.append(call)
    except pj.Error:
        pass
    build = Pjsua2Build(endpoint.libVersion().full, endpoint.codecs, len(calls))
    calls.clear()
    del account
    endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)
    return build


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        print(json.dumps(asdict(_probe(Path(scratch)))))
