"""Which adapter looks into which PBX."""

from __future__ import annotations

from simulators.pbx.adapter import PbxAdapter, RunningPbx
from simulators.pbx.asterisk.adapter import AsteriskPbx
from simulators.pbx.external import ExternalPbx
from simulators.pbx.sites_adapter import SitesPbx


def adapter_for(running: RunningPbx) -> PbxAdapter:
    """The adapter for a running PBX: ours can be asked, others cannot."""
    if running.sites:
        return SitesPbx(running)
    if running.target.pbx.adapter == "asterisk-reference":
        return AsteriskPbx(running)
    return ExternalPbx(running)
