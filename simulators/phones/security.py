"""How far ICE and the exchange of keys have come in a call, as pjsua2 tells it in the dump of a call."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulators.phones.protocol import ICE_DONE

_ICE = re.compile(r"^\s*ICE role: [^,]*, state: ([^,\n]+)", re.MULTILINE)
_SRTP = re.compile(r"^\s*SRTP status: (.*?)\s*Crypto-suite: ?(\S*)", re.MULTILINE)
_SRTP_DONE = "Active"


@dataclass(frozen=True, slots=True)
class Security:
    """``ice`` is pjnath's own word for its state, empty where there is no ICE; ``suite`` the suite of RFC 4568 whose
    keys are in use, empty while there are none."""

    ice: str
    suite: str

    @property
    def done(self) -> bool:
        """Whether media can flow, and is encrypted."""
        return bool(self.suite) and self.ice in ("", ICE_DONE)

    def __str__(self) -> str:
        ice = f"ICE: {self.ice}" if self.ice else "no ICE"
        return f"{ice}; SRTP: {self.suite or 'no keys'}"


def security_in(dump: str) -> Security:
    """What the dump says."""
    ice, srtp = _ICE.search(dump), _SRTP.search(dump)
    return Security(
        ice=ice.group(1).strip() if ice else "",
        suite=srtp.group(2) if srtp and srtp.group(1) == _SRTP_DONE else "",
    )
