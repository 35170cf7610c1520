"""A trunk's profile: everything that a provider tells, or should have told, at onboarding.

8x8 publishes none of its SIP parameters (transport, codecs, identity headers, authentication, session
timers): it gives them at onboarding. So all of them are keys of a file; ``profiles/8x8.toml`` is our
assumption until then, and each of its lines says what the assumption rests on.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from harness.errors import HarnessMisuse
from harness.sip.digest import DigestAlgorithm
from harness.toml_file import load_model
from simulators.trunk.header_rules import HeaderName, HeaderRule, Template, pattern_of
from simulators.trunk.numbers import NumberFormat

BUILT_IN = Path(__file__).resolve().parent / "profiles"


def _address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None
    return text


class TrunkCodec(StrEnum):
    """Codecs by their RTP encoding names (in lower case)."""

    OPUS = "opus"
    PCMU = "pcmu"
    PCMA = "pcma"
    G722 = "g722"


RefusalCode = Annotated[int, Field(ge=400, le=699)]
PassOrRefuse = Literal["pass"] | RefusalCode


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KeepAliveTable(Table):
    """OPTIONS to the PBX (RFC 3261 section 11)."""

    interval_s: float = Field(default=30.0, ge=0)
    """Time between two OPTIONS in s; 0: none. Assumed: 8x8 gives it at onboarding."""
    timeout_s: float = Field(default=4.0, gt=0)
    """How long an answer may take in s. Assumed: 8x8 gives it at onboarding."""


class TlsTable(Table):
    """TLS with the PBX, on port 5061 unless the target says otherwise. The PBX's certificate must lead to a CA that
    the trunk trusts, be valid, and be for the PBX's name, as at Meta (Meta's SIP page); TLS is 1.2 or later."""

    client_certificate: str = ""
    """Name in the client certificate that a PBX gets which asks for one; empty: none. Of a CA that nobody trusts.
    Meta's pages of December 2025 say that none is supported and that what is shown fails validation; those of
    September 2026 name `client.sip.fbclientcerts.com`."""
    refused_alpn: list[str] = Field(default=[])
    """Protocols offered by ALPN (RFC 7301) on which the trunk ends the handshake with alert 120. Meta refuses `sip`
    (github.com/livekit/sip issue 685)."""


class ProxiesTable(Table):
    """The provider's proxies between the trunk and the PBX, as the PBX sees them. None by default."""

    record_route: list[Template] = Field(default=[])
    """URIs in Record-Route of the INVITE to the PBX, first the one that the PBX's own requests come to; in responses
    to the PBX's INVITE in the opposite order. Meta has two (Meta's SIP page, samples)."""
    vias: list[Template] = Field(default=[])
    """Further Vias below the trunk's own. Meta has up to two, with IPv6 addresses and `alias` (Meta's SIP page)."""
    via_alias: bool = False
    """`;alias` (RFC 5923) in the trunk's own Via. Seen in Meta's samples."""
    withholds_ack: bool = True
    """When a PBX's 200 does not have the Record-Routes unchanged and last, its ACK never comes (Meta's integration
    examples page)."""
    repeats: list[str] = Field(default=[])
    """Methods whose requests reach the PBX twice, as when an answer is late (RFC 3261 section 17.1). None at any
    provider as a rule: for trying what a PBX makes of it."""
    repeats_answers: bool = False
    """Final responses to the PBX's INVITE reach it twice, as when its ACK is late (RFC 3261 section 17.1.1.2); over TCP
    and TLS a 200 alone, since no other is ever repeated there (section 13.3.1.4). For trying, as above."""
    second_way: bool = False
    """An INVITE reaches the PBX by a second way, too, with a branch of its own, as when a proxy forks it (RFC 3261
    section 8.2.2.2). For trying, as above."""
    acks_lost: int = Field(default=0, ge=0)
    """How many ACKs to a 200 of the PBX are lost on the way, in each call. For trying, as above."""
    lost_code: RefusalCode = 404
    """What requests inside a call get whose Route is not the recorded one (Meta's integration examples page: 404)."""


class UrisTable(Table):
    """How URIs look in the INVITE to the PBX. ``{called}`` and ``{caller}`` are numbers in the formats
    below."""

    called_format: NumberFormat = NumberFormat.E164_PLUS
    """Format of the called (business) number in the request URI and To: `e164_plus`, `e164`,
    `national`. 8x8's platform rule elsewhere is E.164 with + (8x8 developer docs, SIP response
    codes page); the SIP leg is not described."""
    caller_format: NumberFormat = NumberFormat.E164_PLUS
    """Format of the customer's number in From, Contact and the identity headers. As for `called_format`."""
    request_uri: Template = "sip:{called}@{pbx_host}:{pbx_port}{transport_parameter}"
    """Template of the request URI. Assumed: 8x8 gives it at onboarding."""
    to: Template = "sip:{called}@{pbx_host}"
    """Template of the URI in To. Assumed: 8x8 gives it at onboarding."""
    from_uri: Template = "sip:{caller}@{from_host}"
    """Template of the URI in From. Assumed: 8x8 gives it at onboarding."""
    contact: Template = "sip:{caller}@{address}:{port}{transport_parameter}"
    """Template of the URI in Contact; requests of the PBX inside a call are sent there. Assumed: 8x8
    gives it at onboarding."""
    from_host: str = ""
    """`{from_host}`: a domain of the provider; empty: the trunk's own address, as bridges of other
    providers do (Gupshup's guide: From host is the bridge's IP)."""


class IdentityTable(Table):
    """Who the customer is, beside From."""

    display_name: Literal["profile_name", "number", "none"] = "profile_name"
    """Display name in From: the WhatsApp profile name (seen in real traffic from Meta), the number
    (Meta's samples), or none. Whether 8x8 passes it on is assumed."""
    asserted_identity: bool = True
    """P-Asserted-Identity (RFC 3325). Assumed: 8x8 gives it at onboarding."""
    remote_party_id: bool = False
    """Remote-Party-ID (draft-ietf-sip-privacy). Assumed: 8x8 gives it at onboarding."""
    privacy: str = ""
    """Value of Privacy (RFC 3323), such as `none` or `id`; empty: no such header. Assumed: 8x8 gives
    it at onboarding."""
    uri: Template = "sip:{caller}@{from_host}"
    """Template of the URI in the identity headers. Assumed: 8x8 gives it at onboarding."""


class HeadersTable(Table):
    """Headers that say what the trunk is and can do."""

    user_agent: str = "8x8 CPaaS SIP (simulated by trunkproof)"
    """User-Agent of requests; empty: none. Assumed: 8x8 gives it at onboarding."""
    server: str = "8x8 CPaaS SIP (simulated by trunkproof)"
    """Server of responses; empty: none. Assumed: 8x8 gives it at onboarding."""
    allow: list[str] = Field(default=["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"])
    """Methods in Allow. Meta's own is INVITE, ACK, BYE, CANCEL, NOTIFY, OPTIONS (Meta's SIP page);
    8x8's is assumed."""
    supported: list[str] = Field(default=[])
    """Option tags in Supported. Assumed: 8x8 gives it at onboarding."""
    call_id: Template = "{uuid}@{address}"
    """Template of the Call-ID on the PBX's leg. A bridge starts a new call, so the Call-ID of WhatsApp
    (`outgoing:{wacid}`, Meta's SIP page) is not kept (as Gupshup documents); 8x8's form is assumed."""
    max_forwards: int = Field(default=70, ge=1, le=255)
    """Max-Forwards of the INVITE (RFC 3261 section 8.1.1.6)."""
    extra: dict[HeaderName, Template] = Field(
        default={
            "x-wa-meta-wacid": "{wacid}",
            "x-wa-meta-cta-payload": "{button_payload}{context}",
            "x-wa-meta-deeplink-payload": "{link_payload}",
        }
    )
    """Further headers of the INVITE, name to template; one that comes out empty is left out. Meta has
    `x-wa-meta-wacid` and the payloads of call buttons and deep links (Meta's SIP page); whether 8x8 passes them
    on is not documented, nor by which header the context of a call that its API has started gets to the PBX."""


class MediaTable(Table):
    """What passes in SDP offers. Media runs between the customer's phone and the PBX, so payload type
    numbers stay those of the offer."""

    codecs: list[TrunkCodec] = Field(
        default=[TrunkCodec.OPUS, TrunkCodec.PCMU, TrunkCodec.PCMA, TrunkCodec.G722], min_length=1
    )
    """Codecs the trunk carries; others are taken out of offers, and an offer with none of them gets
    488. 8x8's voice platform has PCMU, PCMA and G.722, Opus announced (8x8 developer docs); Meta's
    is Opus, PCMU and PCMA optional (Meta's call settings page)."""
    order: Literal["customer", "profile"] = "customer"
    """Whose order of preference an offer to the PBX has. Assumed: 8x8 gives it at onboarding."""
    telephone_event_clocks_hz: list[int] = Field(default=[8000, 48000])
    """Clock rates of telephone-event (RFC 4733) that pass. Meta: 8000 only (Meta's calls reference); a
    bridge that carries Opus offers both (Gupshup's guide); 8x8's are assumed."""
    opus_payload_type: int = Field(default=111, ge=96, le=127)
    """Payload type of Opus in offers to the PBX: 111 at Meta (Meta's SIP page), 102 at a bridge (Gupshup's guide). The
    customer's phone offers it, since no number is changed on the way."""
    telephone_events: dict[int, int] = Field(default={126: 8000})
    """Clock rate in Hz of each payload type of telephone-event (RFC 4733) that customers' phones offer, in their order.
    Meta: 126 at 8000 only (Meta's calls reference); Gupshup's bridge: 103 at 48000, 126 at 8000 (Gupshup's guide)."""
    ptime_ms: int = Field(default=20, ge=0, le=200)
    """Packet time written into offers in ms; 0: left as it is. 20 ms is mandatory at Meta (integration
    patterns page)."""
    encryption: Literal["none", "sdes", "dtls"] = "none"
    """SRTP: `sdes` has `RTP/SAVP` and `a=crypto` (RFC 4568) in offers to the PBX, `dtls` has `UDP/TLS/RTP/SAVPF`,
    `a=fingerprint` and `a=setup` (RFC 5763, RFC 5764), none `RTP/AVP`. Meta: SDES or DTLS (Meta's SIP page)."""
    dtls_client: Literal["either", "pbx"] = "either"
    """Who begins the DTLS handshake in calls to the PBX, so what its answer may have in `a=setup` (RFC 5763 section 5):
    `pbx`: `active` only. Meta never begins (Meta's integration patterns page)."""
    ice: bool = False
    """ICE (RFC 8445): candidates in the SDP, and checks of them before any media. Meta: with DTLS, not with SDES
    (Meta's SIP page). It needs addresses outside of 127.0.0.0/8: see above."""
    session_lines: list[Template] = Field(default=[])
    """Lines added to the session part of offers to the PBX. Meta: BUNDLE and msid-semantic (Meta's SIP page)."""
    audio_lines: list[Template] = Field(default=[])
    """Lines added to the audio part of offers to the PBX. Meta: mid and msid (Meta's SIP page)."""
    without: list[str] = Field(default=[])
    """Beginnings of lines that are taken out of the audio part of offers to the PBX. None at any provider: for trying
    what a PBX makes of an offer that lacks something."""
    answer_session_lines: list[Template] = Field(default=[])
    """Lines added to the session part of answers to the PBX, whether its offer had the like or not. Meta: BUNDLE and
    msid-semantic (Meta's SIP page, sample)."""
    answer_audio_lines: list[Template] = Field(default=[])
    """Lines added to the audio part of answers to the PBX. Meta: mid, msid and rtcp-mux (Meta's SIP page, sample)."""
    early_media: Literal["pass", "ringing_only"] = "pass"
    """What becomes of a 183 with SDP: passed on, or 180 without SDP. Assumed: 8x8 gives it at
    onboarding."""


class DialogTable(Table):
    """What the trunk does inside and around a call."""

    reinvite: PassOrRefuse = "pass"
    """A re-INVITE of the PBX: `pass` it to the customer's phone or refuse it with a code. Meta refuses
    with 500 (Meta's FAQ); 8x8's is assumed."""
    update: PassOrRefuse = 405
    """An UPDATE of the PBX (RFC 3311): `pass` or a code. Not in Meta's Allow; 8x8's is assumed."""
    info: PassOrRefuse = 405
    """An INFO of the PBX (RFC 6086): `pass` or a code. DTMF goes in RTP only (Meta's calls reference);
    8x8's is assumed."""
    session_timer: Literal["off", "advertise"] = "off"
    """Session timers (RFC 4028): `advertise` puts `timer` into Supported and leaves the refreshing to
    the PBX. Assumed: 8x8 gives it at onboarding."""
    no_answer_s: float = Field(default=60.0, gt=0, le=280)
    """How long the called side may ring in s: 30 to 60 s at Meta (calls reference); 8x8's is assumed."""
    no_answer_code: RefusalCode = 480
    """What the caller gets then: 480 (Meta's troubleshooting page)."""
    no_response_s: float = Field(default=16.0, gt=0, le=32)
    """How long the called side may send nothing at all in s; at most timer B (RFC 3261 section
    17.1.1.2)."""
    no_response_code: RefusalCode = 408
    """What the caller gets then."""
    redirect_code: RefusalCode = 480
    """What a customer gets when the PBX answers 3xx. Neither Meta nor 8x8 says; trunks do not follow
    redirections."""


class SecurityTable(Table):
    """Who may call whom."""

    check_source: bool = True
    """Take INVITE only from the PBX's address and `accepted_addresses`. 8x8 changes peer addresses by
    support case, which suggests identification by IP (X Series SIP Trunk FAQ)."""
    accepted_addresses: list[Annotated[str, AfterValidator(_address)]] = Field(default=[])
    """Further addresses of the PBX. Given at onboarding."""
    stranger_code: RefusalCode = 403
    """What others get. Assumed: 8x8 gives it at onboarding."""
    answer_challenges: bool = True
    """Answer a 401 or 407 of the PBX with the target's credentials, as Meta does (Meta's SIP page).
    8x8's is not published."""
    digest_uri: Template = ""
    """The digest's `uri` in those answers; empty: the request URI. Meta's is without `;transport=tls`, which its
    request URI has (Meta's SIP page, sample)."""
    challenge_pbx: bool = True
    """Challenge INVITEs of the PBX with 407, as Meta does (Meta's SIP page), when the target has a
    `digest_password`. The user is the target's `digest_username` or, without one, the calling business
    number without `+` (Meta's SIP page). 8x8's is not published."""
    digest_uri_check: Literal["user", "to"] = "user"
    """What the `uri` in the credentials of the PBX is held against: the called user alone, or the URI in To, whose
    user, host and port it must have; `;transport=` does not matter. Meta refuses a digest whose `uri` does not match
    To (jambonz/sbc-outbound issue 186) and takes it with `;transport=tls` beside a To without (Meta's SIP page,
    sample); that the port counts is assumed."""
    wrong_credentials_code: RefusalCode = 403
    """What wrong credentials get (Meta's troubleshooting page: 403 for an invalid digest)."""
    algorithms: list[DigestAlgorithm] = Field(default=[DigestAlgorithm.SHA_256, DigestAlgorithm.MD5], min_length=1)
    """Algorithms in the challenge, each in a header of its own (RFC 8760). Meta's samples have MD5, a
    client was seen to use SHA-256."""
    foreign_algorithms: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]] = Field(default=[])
    """Names of further algorithms in the challenge, before the others, by which nobody can prove anything. None at any
    provider: for trying what a PBX makes of what it does not know (RFC 8760 section 2.4)."""
    takes_credentials: bool = True
    """`false`: even the right credentials get `wrong_credentials_code`, with a challenge again when that is 401 or 407.
    For trying, as above."""
    realm: str = ""
    """Realm of the challenge; empty: `uris.from_host` or the trunk's address."""


class RefusalRule(StrEnum):
    """What can be wrong with an INVITE of a PBX."""

    IP_IN_REQUEST_URI = "ip_in_request_uri"
    SIPS_URI = "sips_uri"
    FROM_HOST = "from_host"
    PLAIN_MEDIA = "plain_media"


class Refusal(Table):
    """A rule for calls of the PBX, and the response to those that break it."""

    rule: RefusalRule
    """`ip_in_request_uri`: its host is an address. `sips_uri`: its scheme is sips. `from_host`: the host in From is
    neither the PBX's name nor a domain above it. `plain_media`: SRTP is wanted and not offered."""
    code: RefusalCode
    """SIP code of the response."""
    text: str
    """Its reason phrase, and the text in Warning. `{given}` is what was found in the INVITE."""


class Rewording(Table):
    """How a bridge tells the PBX of a refusal that WhatsApp's platform gave it."""

    says: Annotated[str, AfterValidator(pattern_of)]
    """Regular expression that is found in the platform's own words."""
    code: RefusalCode
    """SIP code of the response."""
    text: str
    """Its reason phrase."""
    rings: bool = False
    """Whether the PBX gets 180 first, as Gupshup's does."""
    cause: int = Field(default=0, ge=0, le=127)
    """Cause in Reason (RFC 3326), of Q.850; 0: no such header."""


class BusinessCallsTable(Table):
    """Calls to customers. Those that the PBX starts are Meta's way; 8x8 describes none (there, the customer is
    called first and then the PBX gets an INVITE), but says to treat the trunk like any other."""

    accept: bool = True
    """Whether INVITEs of the PBX are taken at all. Assumed: 8x8 gives it at onboarding."""
    not_accepted_code: RefusalCode = 403
    """What they get when not."""
    unknown_customer_code: RefusalCode = 404
    """For a number that is no customer, when no platform was asked (8x8's table of SIP codes: 404)."""
    offline_customer_code: RefusalCode = 480
    """For a customer who cannot be reached (8x8's table of SIP codes; Meta's troubleshooting page: 480)."""
    declined_code: RefusalCode = 486
    """For a customer who declines (Meta's troubleshooting page)."""
    declined_text: str = "User declined the call"
    """Reason phrase of it (Meta's troubleshooting page)."""
    no_decision_code: RefusalCode = 503
    """When WhatsApp's platform does not decide in time (Meta's troubleshooting page: 503, generic internal)."""
    rewordings: list[Rewording] = Field(default=[])
    """Refusals of WhatsApp's platform that reach the PBX in other words, the first that fits; all others as Meta says
    them."""
    refusals: list[Refusal] = Field(default=[])
    """Calls of the PBX that are refused for what their INVITE looks like, when its credentials are right."""
    pbx_answer_s: float = Field(default=30.0, gt=0, le=30)
    """When the customer was called first: how long the PBX may take to answer, in s, while the customer hears
    silence. At most 30 s, since a phone waits 32 s for the ACK (RFC 3261 section 13.3.1.4). 8x8's is assumed."""

    def rewording(self, text: str) -> Rewording | None:
        """The one that fits what WhatsApp's platform says; None: its own words pass."""
        return next((found for found in self.rewordings if re.search(found.says, text)), None)


class Profile(Table):
    """A profile file."""

    name: str
    """Short name, as in reports."""
    description: str = ""
    """One line on what it stands for."""
    like: str = ""
    """The profile whose requirements hold on this one (docs/requirements.md); its own when left out. A copy of a
    built-in profile keeps this line."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """Transport to the PBX when the target does not say. With `tls` the target must have it, too: Meta speaks nothing
    else (Meta's SIP page). Assumed: 8x8 gives it at onboarding."""
    port: int = Field(default=0, ge=0, le=65535)
    """The trunk's port towards a reference PBX; 0, and for every other PBX: what the target says. Gupshup's bridge
    sends from 5072 (Gupshup's guide)."""
    tls: TlsTable = TlsTable()
    proxies: ProxiesTable = ProxiesTable()
    keep_alive: KeepAliveTable = KeepAliveTable()
    uris: UrisTable = UrisTable()
    identity: IdentityTable = IdentityTable()
    headers: HeadersTable = HeadersTable()
    media: MediaTable = MediaTable()
    dialog: DialogTable = DialogTable()
    security: SecurityTable = SecurityTable()
    business_calls: BusinessCallsTable = BusinessCallsTable()
    method_codes: dict[str, RefusalCode] = Field(
        default={"REGISTER": 403, "SUBSCRIBE": 405, "PUBLISH": 405, "MESSAGE": 405, "REFER": 405}
    )
    """Codes for methods the trunk does not take; 405 for other known methods, 501 for unknown ones
    (RFC 3261 section 8.2.1). REGISTER: 403 (Meta's FAQ)."""
    header_rules: tuple[HeaderRule, ...] = ()
    """What is changed last on messages to the PBX, and first on messages from it."""


def built_in_profiles() -> list[str]:
    """Names of the profiles that come with trunkproof."""
    return sorted(path.stem for path in BUILT_IN.glob("*.toml"))


def find_profile(name_or_path: str) -> Path:
    """File of a profile given by path or by the name of a built-in one. Raises HarnessMisuse."""
    if re.fullmatch(r"[a-z0-9-]+", name_or_path):
        if name_or_path in built_in_profiles():
            return BUILT_IN / f"{name_or_path}.toml"
        if not Path(name_or_path).exists():
            near = difflib.get_close_matches(name_or_path, built_in_profiles(), n=1)
            raise HarnessMisuse(
                f"there is no profile '{name_or_path}'",
                suggestion=f"did you mean '{near[0]}'?" if near else f"built in: {', '.join(built_in_profiles())}",
            )
    return Path(name_or_path)


def varied(profile: Profile, changes: str) -> Profile:
    """The profile with ``changes``: tables of a profile file as TOML text. Lists are replaced, header rules added.

    Raises ValueError for text that is no TOML or makes no profile.
    """
    given = tomllib.loads(changes)
    rules = given.pop("header_rules", [])
    whole = _merged(profile.model_dump(mode="json"), given)
    whole["header_rules"] = [*whole["header_rules"], *rules]
    return Profile.model_validate(whole)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(old.get(key), dict)
        merged[key] = _merged(old[key], value) if both else value
    return merged


def load_profile(name_or_path: str) -> Profile:
    """Read a profile. Raises HarnessMisuse: file, line, key, what was expected, the nearest known key."""
    return load_model(find_profile(name_or_path), Profile)
