"""The target: all that is known of the PBX under test, from one TOML file.

``model`` is the file, ``fields`` the forms of its values, ``claims`` its PICS. Nothing here knows a PBX product.
"""

from harness.target.claims import Claim
from harness.target.ivr import Destination, IvrLine, IvrMenu, IvrSection, Leads, Staffing
from harness.target.load import LoadSection
from harness.target.model import (
    BUILT_IN,
    AgentsSection,
    DeadlinesSection,
    EscalationSection,
    LanguagesSection,
    Number,
    PbxSection,
    PhonesSection,
    PlatformSection,
    Purpose,
    Queue,
    Target,
    TrunkSection,
    find_target,
    load_target,
)
from harness.target.recordings import RecordingAccess, RecordingsSection, SiprecFact
from harness.target.sites import Region, RoutingSection, Site
from harness.target.supervision import SupervisionSection

__all__ = [
    "BUILT_IN",
    "AgentsSection",
    "Claim",
    "DeadlinesSection",
    "Destination",
    "EscalationSection",
    "IvrLine",
    "IvrMenu",
    "IvrSection",
    "LanguagesSection",
    "Leads",
    "LoadSection",
    "Number",
    "PbxSection",
    "PhonesSection",
    "PlatformSection",
    "Purpose",
    "Queue",
    "RecordingAccess",
    "RecordingsSection",
    "Region",
    "RoutingSection",
    "SiprecFact",
    "Site",
    "Staffing",
    "SupervisionSection",
    "Target",
    "TrunkSection",
    "find_target",
    "load_target",
]
