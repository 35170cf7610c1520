"""A target file: every key is a field here and is documented here."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from harness.target.claims import Claim
from harness.target.fields import E164, Items, Language, OpeningHours, Secret, Section, WallClock, Zone, require_address
from harness.target.ivr import IvrSection
from harness.target.load import LoadSection
from harness.target.recordings import RecordingAccess, RecordingsSection
from harness.target.sites import RoutingSection, Site
from harness.target.supervision import SupervisionSection
from harness.toml_file import load_model

TLS_PORT = 5061
"""Of SIP over TLS (RFC 3261 section 19.1.2)."""


class Purpose(StrEnum):
    """What a number of the target is for."""

    SUPPORT = "support"
    LANGUAGE_MENU = "language_menu"
    CLOSED_DESK = "closed_desk"
    UNASSIGNED = "unassigned"
    CALLBACK = "callback"
    RECORDED = "recorded"
    ORDER_NUMBER = "order_number"


class PbxSection(Section):
    """``[pbx]``: where the PBX or SBC takes calls from the trunk."""

    adapter: Literal["asterisk-reference", "external"] = "external"
    """``asterisk-reference`` starts the PBX that comes with trunkproof; ``external`` is anything else."""
    host: str
    """IP address or name that the trunk sends INVITE to."""
    port: int = Field(default=5060, ge=1, le=65535)
    """Port of the PBX's SIP side towards the trunk."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """How the trunk sends SIP to it. With ``tls`` the ports of ``[pbx]`` and ``[trunk]`` are 5061 when left out."""
    hostname: str = ""
    """Name of the PBX in URIs and in its certificate, which over TLS must be for it; ``host`` when left out."""
    media_encryption: Literal["none", "sdes", "dtls"] = "none"
    """Reference PBX only: SRTP with the trunk, as ``trunkproof run --profile`` sets it."""
    ice: bool = False
    """Reference PBX only: ICE with the trunk, as ``trunkproof run --profile`` sets it."""
    timezone: Zone = "UTC"
    """The PBX's own time zone, in which opening hours are meant."""
    own_for_each_worker: bool = False
    """Reference PBX only: no PBX is shared by scenarios that run side by side, because they change it."""
    provider: Literal["auto", "docker", "rootfs", "local"] = "auto"
    """Reference PBX only: how to get an Asterisk."""
    clock: WallClock | None = None
    """Reference PBX only: local time at which its clock starts, ``2026-03-10 10:30:00``; now when left out."""


class TrunkSection(Section):
    """``[trunk]``: the trunk as this PBX expects it."""

    profile: str = "8x8"
    """Name of a built-in profile or path of a profile file."""
    addresses: Items
    """Local IP addresses the PBX knows the trunk by. Scenarios run side by side need one each."""
    port: int = Field(default=5060, ge=1, le=65535)
    """Local port towards the PBX."""
    hostname: str = ""
    """Name by which the PBX finds the trunk, in its Record-Route and Contact; its address when left out. The PBX must
    resolve it to one of ``addresses``: Meta's own ``wa.meta.vc`` leads to Meta."""
    domain: str = ""
    """Reference PBX only: domain in the URIs of its calls to customers, as ``trunkproof run --profile`` sets it."""
    ca: Path | None = None
    """PEM file of the CAs that may have signed the PBX's certificate; the system's own when left out, as at Meta."""
    certificate: Path | None = None
    """PEM file of the trunk's own certificate, for connections of the PBX; when left out one is made that leads to no
    CA the PBX knows."""
    key: Path | None = None
    """PEM file of the key of ``certificate``."""
    digest_username: str = ""
    """For PBXs that challenge the trunk's INVITE, and for the trunk's own challenge of the PBX. When left out each
    business number is a user of its own, named by its digits without ``+``, as at Meta."""
    digest_password: Secret = SecretStr("")
    """``env:NAME``, ``file:PATH`` or text; reference PBX: ``generated``."""

    @model_validator(mode="after")
    def _has_addresses(self) -> TrunkSection:
        if not self.addresses:
            raise ValueError("addresses must name at least one IP address")
        for address in self.addresses:
            require_address(address)
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key need each other")
        return self


class PhonesSection(Section):
    """``[phones]``: local addresses that simulated phones may use; ports are ephemeral."""

    addresses: Items
    """IP addresses, single or as ranges (``127.0.0.100-127.0.0.249``). The PBX must reach them."""


class AgentsSection(Section):
    """``[agents]``: the softphone accounts at the PBX that the harness may register."""

    extensions: Items
    """User parts of the accounts, single or as ranges (``1001-1010``)."""
    password: Secret
    """The accounts' password: ``env:NAME``, ``file:PATH`` or text; reference PBX: ``generated``."""
    registrar: str = ""
    """``host:port`` when it is not the PBX's address."""
    domain: str = ""
    """Host part of the accounts' addresses-of-record when it is not the registrar's host."""
    transport: Literal["udp", "tcp"] = "udp"
    """How the softphones register."""
    names: dict[str, str] = Field(default_factory=dict)
    """Names of agents by extension, for reports."""


class Queue(Section):
    """``[[queues]]``: a queue and who serves it."""

    name: str
    """Name of the queue, for reports and for leases."""
    agents: Items
    """Extensions that the queue rings."""
    ring_s: float = Field(default=15.0, gt=0)
    """How long one agent rings before the next does."""
    max_wait_s: float = Field(default=60.0, gt=0)
    """How long a caller waits before the PBX gives up."""
    trunk_address: str = ""
    """The trunk's address that the PBX calls when an agent of this queue calls a customer; the first of ``[trunk]``
    when left out. Scenarios with such calls run side by side only on different ones."""


class Number(Section):
    """``[[numbers]]``: a number that WhatsApp customers can call."""

    number: E164
    """The number in E.164 form, ``+442079460100``."""
    purpose: Purpose
    """``support``: greeting, queue, agent. ``language_menu``: the same behind a menu of languages. ``closed_desk``:
    its hours exclude the time at which you test. ``callback``: customers who are called back come in here, with no
    greeting. ``recorded``: customers are told that the call is recorded, then come into the queue. ``order_number``:
    asks for an order number, ended by ``#``, and reads back the digits that it understood, each with its own prompt
    (``[prompts.digit_0]`` to ``digit_9``). ``unassigned``: nobody has it."""
    queue: str = ""
    """Queue that calls to it end in; numbers of one queue are used by one scenario at a time."""
    hours: OpeningHours | None = None
    """When it is staffed; always when left out."""


class LanguagesSection(Section):
    """``[languages]``: which language the PBX speaks to whom."""

    default: Language = "en"
    """Language of everybody else (ISO 639-1)."""
    by_country: dict[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], Language] = Field(default_factory=dict)
    """Language by caller's country (ISO 3166-1 alpha-2)."""
    menu: dict[Annotated[str, Field(pattern=r"^[0-9*#]$")], Language] = Field(default_factory=dict)
    """Language by the digit pressed in the language menu."""


class PlatformSection(Section):
    """``[platform]``: WhatsApp's platform, and the business's own backend at it."""

    api: Literal["8x8", "graph"] = "8x8"
    """Whose HTTP interface the business uses: 8x8's or Meta's own."""
    webhook_url: str = ""
    """Where your backend takes webhooks; when left out, trunkproof plays the backend."""
    rules: Path | None = None
    """File that overrides the published platform rules."""
    availability: Path | None = None
    """File that overrides the published availability by country."""
    media_timers: float = Field(default=10.0, ge=1)
    """How many times faster than published a customer's app gives up a call without media."""


class EscalationSection(Section):
    """``[escalation]``: what a call button carries so that the PBX knows where the call belongs."""

    agent_payload: str = "agent={agent};case={case}"
    """Payload for a call to an agent: ``{agent}`` is the extension, ``{queue}`` a queue, ``{case}`` the case."""
    queue_payload: str = "queue={queue};case={case}"
    """Payload for a call to a queue."""
    agent_header: str = ""
    """SIP header in which the agent's phone gets the payload; not checked when left out."""


class DeadlinesSection(Section):
    """``[deadlines]``: how fast the PBX must be, in s."""

    answer_s: float = Field(default=5.0, gt=0)
    """INVITE to 200."""
    first_audio_s: float = Field(default=2.0, gt=0)
    """200 to the first sound of a prompt, at the customer's ear."""
    secure_media_s: float = Field(default=2.0, gt=0)
    """200 to the end of ICE and DTLS at the customer's phone: what a caller loses of the first words at most."""
    ring_agent_s: float = Field(default=12.0, gt=0)
    """End of the greeting (or an agent becoming free) to an agent's phone ringing."""
    talk_path_s: float = Field(default=3.0, gt=0)
    """Agent's answer to both hearing each other."""
    release_s: float = Field(default=3.0, gt=0)
    """One side hangs up to the other side's end and to no channel left on the PBX."""
    callback_silence_s: float = Field(default=3.0, gt=0)
    """Customer's answer to the first sound from the PBX, when the trunk called the customer first."""
    no_retry_s: float = Field(default=3.0, gt=0)
    """How long the PBX is watched for a further try after a refusal."""


class Target(Section):
    """A target file."""

    name: str
    """Short name, as in reports."""
    description: str = ""
    """One line on what it is."""
    load_allowed: bool = False
    """Load runs refuse targets without this."""
    claims: frozenset[Claim] = frozenset()
    """What the PBX says it supports; a scenario that needs more is not run, and the report says so."""
    pbx: PbxSection
    trunk: TrunkSection
    phones: PhonesSection
    agents: AgentsSection
    queues: list[Queue]
    numbers: list[Number]
    languages: LanguagesSection = LanguagesSection()
    sites: list[Site] = Field(default_factory=list)
    routing: RoutingSection = RoutingSection()
    ivr: IvrSection = IvrSection()
    prompts: dict[str, dict[str, Path]] = Field(default_factory=dict)
    """``[prompts.<name>]``: the WAV that the PBX plays, byte for byte, by language (``any`` for all)."""
    platform: PlatformSection = PlatformSection()
    escalation: EscalationSection = EscalationSection()
    recordings: RecordingsSection = RecordingsSection()
    supervision: SupervisionSection = SupervisionSection()
    load: LoadSection = LoadSection()
    deadlines: DeadlinesSection = DeadlinesSection()
    deviations: dict[str, str] = Field(default_factory=dict)
    """What the PBX is known to do otherwise than a specification says it should, by the requirement's id:
    ``RFC4475-badvers = "dropped without an answer"``. A scenario that finds just that is *not run* and tells it; what
    must never be (a broken message accepted, no answer to anything any more) fails all the same."""

    @model_validator(mode="before")
    @classmethod
    def _ports_of_tls(cls, data: Any) -> Any:
        pbx = data.get("pbx") if isinstance(data, dict) else None
        if isinstance(pbx, dict) and pbx.get("transport") == "tls":
            trunk = data.get("trunk")
            data = data | {"pbx": {"port": TLS_PORT} | pbx}
            if isinstance(trunk, dict):
                data["trunk"] = {"port": TLS_PORT} | trunk
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Target:
        queues = {queue.name for queue in self.queues}
        for number in self.numbers:
            if number.queue and number.queue not in queues:
                raise ValueError(f"number {number.number} names the queue {number.queue!r}, which is not declared")
        known = set(self.agents.extensions)
        for queue in self.queues:
            for extension in queue.agents:
                if extension not in known:
                    raise ValueError(f"queue {queue.name!r} names the agent {extension}, who is not in [agents]")
            if queue.trunk_address and queue.trunk_address not in self.trunk.addresses:
                raise ValueError(
                    f"queue {queue.name!r} names the trunk address {queue.trunk_address}, which is not in [trunk]"
                )
        for name in self.load.queues:
            if name not in queues:
                raise ValueError(f"[load] names the queue {name!r}, which is not declared")
        serving = {extension for queue in self.queues for extension in queue.agents}
        for extension in self.supervision.extensions:
            if extension not in known:
                raise ValueError(f"[supervision] names the supervisor {extension}, who is not in [agents]")
            if extension in serving:
                raise ValueError(f"[supervision] names the supervisor {extension}, who serves a queue")
        return self

    @model_validator(mode="after")
    def _sites_known(self) -> Target:
        queues = {queue.name for queue in self.queues}
        for site in self.sites:
            if site.queue not in queues:
                raise ValueError(f"site {site.name!r} names the queue {site.queue!r}, which is not declared")
        known = {site.name for site in self.sites}
        routing = self.routing
        lists = {f"numbers.{number}": sites for number, sites in routing.numbers.items()}
        lists |= {f"regions.{name}": region.sites for name, region in routing.regions.items()}
        lists |= {f"languages.{language}": sites for language, sites in routing.languages.items()}
        for rule, names in (lists | {"default": routing.default}).items():
            for name in names:
                if name not in known:
                    raise ValueError(f"[routing] {rule} names the site {name!r}, which is not declared")
        return self

    @model_validator(mode="after")
    def _front_door_known(self) -> Target:
        ivr = self.ivr
        if Claim.IVR in self.claims and not ivr.lines:
            raise ValueError("claims has 'ivr', but there is no [[ivr.lines]]")
        for problem in ivr.unknown_queues((q.name for q in self.queues), (n.number for n in self.numbers)):
            raise ValueError(f"[ivr] {problem}")
        for prompt, whose in ivr.prompts():
            if prompt not in self.prompts:
                raise ValueError(f"[ivr] {whose} names the prompt {prompt!r}, which is not in [prompts]")
        return self

    def business_numbers(self) -> list[str]:
        """All numbers that customers can call (E.164)."""
        return [*(number.number for number in self.numbers), *(line.number for line in self.ivr.lines)]

    @model_validator(mode="after")
    def _recordings_reachable(self) -> Target:
        recordings = self.recordings
        if recordings.access is RecordingAccess.HTTP and not recordings.url and self.pbx.adapter == "external":
            raise ValueError("[recordings] access = \"http\" needs the key 'url'")
        return self

    def site(self, name: str) -> Site | None:
        """The site called ``name``, None when there is none."""
        return next((site for site in self.sites if site.name == name), None)

    def site_of_agent(self, extension: str) -> Site | None:
        """The site whose queue the agent serves, None when there is none."""
        queues = {queue.name for queue in self.queues if extension in queue.agents}
        return next((site for site in self.sites if site.queue in queues), None)

    def registrar_of(self, extension: str) -> str:
        """``host:port`` where an agent registers: at the agent's site, else as ``[agents]`` says, else at the PBX."""
        site = self.site_of_agent(extension)
        if site is not None:
            return f"{site.host}:{site.port}"
        return self.agents.registrar or f"{self.pbx.host}:{self.pbx.port}"

    def domain_of(self, extension: str) -> str:
        """Host part of an agent's address-of-record."""
        registrar = self.registrar_of(extension).partition(":")[0]
        return registrar if self.site_of_agent(extension) else self.agents.domain or registrar

    def prompt(self, name: str, language: str) -> Path | None:
        """The file of a prompt in a language, None when the target does not declare it."""
        files = self.prompts.get(name, {})
        return files.get(language) or files.get("any")

    def trunk_address_of(self, queue: Queue) -> str:
        """The trunk's address that the PBX calls for agents of ``queue``."""
        return queue.trunk_address or self.trunk.addresses[0]

    def load_queues(self) -> list[Queue]:
        """The queues that load runs may use."""
        return [queue for queue in self.queues if not self.load.queues or queue.name in self.load.queues]

    def called_trunk_addresses(self) -> list[str]:
        """The trunk's addresses that the PBX calls for one queue or another."""
        return list(dict.fromkeys(map(self.trunk_address_of, self.queues))) or self.trunk.addresses[:1]

    def language_of(self, country: str) -> str:
        """Language the PBX owes a caller of ``country``."""
        return self.languages.by_country.get(country, self.languages.default)


BUILT_IN = Path(__file__).resolve().parent.parent.parent / "scenarios" / "targets"


def find_target(name_or_path: str) -> Path:
    """File of a target given by path or by the name of a built-in one. The file need not exist."""
    built_in = BUILT_IN / f"{name_or_path}.toml"
    if re.fullmatch(r"[a-z0-9-]+", name_or_path) and built_in.is_file():
        return built_in
    return Path(name_or_path)


def load_target(name_or_path: str) -> Target:
    """Read a target. Raises HarnessMisuse with file, line, key and the nearest known key.

    Paths of prompts, recordings and certificates are relative to the file.
    """
    path = find_target(name_or_path)
    target = load_model(path, Target)
    prompts = {
        name: {language: path.parent / file for language, file in files.items()}
        for name, files in target.prompts.items()
    }
    recordings = target.recordings
    if recordings.directory is not None:
        recordings = recordings.model_copy(update={"directory": path.parent / recordings.directory.expanduser()})
    files = {"ca": target.trunk.ca, "certificate": target.trunk.certificate, "key": target.trunk.key}
    trunk = target.trunk.model_copy(update={name: path.parent / file for name, file in files.items() if file})
    return target.model_copy(update={"prompts": prompts, "recordings": recordings, "trunk": trunk})
