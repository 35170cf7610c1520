"""One scenario in progress: its cast, its leases, its evidence so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from time import monotonic, sleep, time
from typing import TYPE_CHECKING

from harness.audio.beacon import BEACONS_HZ, write_beacon
from harness.errors import DELAY_S, HarnessMisuse, Inconclusive, NotRun, PbxFault
from harness.lag import Stalled
from harness.messages import Event
from harness.process import AwaitExpired, Simulator, SimulatorDied, SimulatorRefused
from harness.target import Purpose
from harness.target.ivr_paths import Way
from harness.trace import SipTraceEntry, host_of, read_trace
from scenarios.agent import Agent
from scenarios.business import Business
from scenarios.customer import Customer
from scenarios.ear import Ear
from scenarios.front_door import FrontDoor, lease_front_door
from scenarios.sites import Sites
from scenarios.situation import last_messages
from scenarios.supervisor import Supervisor, lease_supervisor
from scenarios.support_line import SupportLine, lease_line
from scenarios.testbed import Testbed
from scenarios.trunk_calls import trunk_call
from scenarios.whatsapp import WhatsApp
from simulators.pbx.starved import read_stalls
from simulators.phones.protocol import CallEnded, CallIncoming, CallProgress, Codec, HangUp, MediaActive
from simulators.trunk.protocol import CallFinished, CallFrom, CallStarted, VaryProfile, WhereCustomersCall

if TYPE_CHECKING:
    from scenarios.load_run import LoadFigures
    from scenarios.recording_mos import Sentence
    from scenarios.recording_pause import RecordingPause
    from scenarios.recordings import FetchedRecording
    from scenarios.torture.trial import Trial

BEACON_S = 1
CLEAN_UP_S = 5.0


class Scene:
    """See the module. Customers and agents are numbered in the order the scenario names them."""

    def __init__(self, testbed: Testbed, name: str, *, pbx_calls: bool = False) -> None:
        self.testbed = testbed
        self.name = name
        self.pbx_calls = pbx_calls
        """Whether the PBX will call the trunk: only some queues' calls come out at this worker's."""
        self.started_at = monotonic()
        self.started_wall = time()
        self.customers: list[Customer] = []
        self.other_customers: list[Customer] = []
        self.pairs: list[tuple[Customer, Agent]] = []
        self.ways: list[tuple[Customer, Way]] = []
        """Ways through the front door that customers have taken all at once."""
        self.agents: list[Agent] = []
        self.recordings: list[FetchedRecording] = []
        self.supervisors: list[Supervisor] = []
        self.pause: RecordingPause | None = None
        self.sentences: list[Sentence] = []
        self.trial: Trial | None = None
        self.load: LoadFigures | None = None
        self.facts: dict[str, object] = {}
        self._line: SupportLine | None = None
        self._front_door: FrontDoor | None = None
        self._notes: list[str] = []
        self._trunk_changes = ""
        self._trunk_moved = False
        self._rings_seen: set[str] = set()
        self._voices = cycle(BEACONS_HZ)
        self._named: dict[int, Agent] = {}
        self._trunk_mark = testbed.trunk.mark()
        self._agents_mark = testbed.agents.mark()
        self._customers_mark = testbed.customers.mark()
        self._trace_from = _size(testbed.trunk_trace)
        self.whatsapp = WhatsApp(
            testbed.platform, testbed.target, testbed.target.platform.webhook_url or testbed.webhooks
        )
        self.business = Business(self)
        self.sites = Sites(self)

    # Cast and line

    @property
    def line(self) -> SupportLine:
        """The support line; leased at first use."""
        return self.lease_line()

    def lease_line(self, agents_needed: int = 0) -> SupportLine:
        """The support line, with at least ``agents_needed`` agents. Raises NotRun, Inconclusive."""
        if self._line is None:
            self._line = lease_line(
                self.testbed.target,
                self.testbed.leases,
                agents_needed,
                trunk_address=self.testbed.trunk_address,
                pbx_calls=self.pbx_calls,
            )
        elif len(self._line.queue.agents) < agents_needed:
            raise HarnessMisuse(
                f"the scenario leased the queue {self._line.queue.name} before it asked for {agents_needed} agents",
                suggestion="say how many agents are ready in the first Given",
            )
        return self._line

    @property
    def front_door(self) -> FrontDoor:
        """A line with menus; leased at first use. Raises NotRun, Inconclusive."""
        if self._front_door is None:
            self._front_door = lease_front_door(self.testbed.target, self.testbed.leases)
        return self._front_door

    def number(self, purpose: Purpose) -> str:
        """E.164 number of the line for a purpose."""
        return self.line.number(purpose).number

    def add_customer(
        self,
        *,
        country: str | None = None,
        profile_name: str | None = None,
        codecs: tuple[Codec, ...] = (),
        lives_in: str = "",
    ) -> Customer:
        """A further customer of the scenario, phone in service. Their number is of ``country``; ``lives_in`` is where
        WhatsApp places them, when that is another one."""
        label = "the customer" if not self.customers else f"customer {len(self.customers) + 1}"
        customer = self._new_customer(label, country, profile_name, codecs, lives_in=lives_in)
        self.customers.append(customer)
        customer.switch_on()
        return customer

    def add_stranger(self) -> Customer:
        """A number that is nobody's on WhatsApp: no app, no phone."""
        customer = self._new_customer("the customer", "GB", None, (), on_whatsapp=False)
        self.customers.append(customer)
        return customer

    def require_customers(self, count: int) -> None:
        """Room for so many further customers. Raises NotRun when this machine's pjsua2 takes fewer."""
        self.testbed.capacity.require_phones(len(self.everybody_calling) + count)

    def add_other_customer(self, country: str = "GB") -> Customer:
        """A customer who is not the scenario's subject: keeps an agent busy, for example."""
        label = f"another customer ({len(self.other_customers) + 1})"
        customer = self._new_customer(label, country, None, ())
        self.other_customers.append(customer)
        customer.switch_on()
        return customer

    def _new_customer(
        self,
        label: str,
        country: str | None,
        profile_name: str | None,
        codecs: tuple[Codec, ...],
        *,
        on_whatsapp: bool = True,
        lives_in: str = "",
    ) -> Customer:
        self.require_customers(1)
        self.testbed.capacity.require_codecs(codecs)
        self._require_carried(codecs)
        identity = self.testbed.customer_book.customer(country=country)
        if profile_name is not None:
            identity = replace(identity, profile_name=profile_name)
        if lives_in:
            identity = replace(identity, country=lives_in)
        if on_whatsapp:
            self.whatsapp.join(identity)
        return Customer(self, identity, label=label, codecs=codecs)

    def _require_carried(self, codecs: tuple[Codec, ...]) -> None:
        """Raises NotRun when the trunk would carry none of them: that call says nothing of the PBX."""
        profile = self.testbed.profile
        if codecs and not {codec.value for codec in codecs} & {codec.value for codec in profile.media.codecs}:
            raise NotRun(f"the trunk's profile {profile.name!r} does not carry {', '.join(codecs)}")

    @property
    def everybody_calling(self) -> list[Customer]:
        """The scenario's customers and the others."""
        return [*self.customers, *self.other_customers]

    def customer(self, position: int) -> Customer:
        """The customer at ``position`` (1 is the first). Raises HarnessMisuse when there are fewer."""
        if position > len(self.customers):
            raise HarnessMisuse(
                f"the scenario names customer {position}, but has {len(self.customers)}",
                suggestion="add 'Given a customer …' before",
            )
        return self.customers[position - 1]

    @property
    def last_customer(self) -> Customer:
        """The customer that the scenario named last. Raises HarnessMisuse when it has none."""
        return self.customer(max(len(self.customers), 1))

    def ready_agents(self, count: int) -> list[Agent]:
        """Register the next ``count`` agents of the line, all at once. Raises NotRun, Inconclusive."""
        self.testbed.capacity.require_phones(len(self.agents) + count)
        line = self.lease_line(len(self.agents) + count)
        return self.log_in(line.queue.agents[len(self.agents) : len(self.agents) + count])

    def log_in(self, extensions: list[str]) -> list[Agent]:
        """Register these agents, all at once. Raises NotRun, Inconclusive."""
        self.testbed.capacity.require_phones(len(self.agents) + len(extensions))
        fresh = [Agent(self, extension) for extension in extensions]
        self.agents.extend(fresh)
        for agent in fresh:
            agent.switch_on()
        for agent in fresh:
            agent.registered()
        return fresh

    def add_supervisor(self) -> Supervisor:
        """A supervisor, leased and logged in. Raises NotRun when the target has none, Inconclusive."""
        self.testbed.capacity.require_phones(len(self.staff) + 1)
        supervisor = Supervisor(self, lease_supervisor(self.testbed.target, self.testbed.leases))
        self.supervisors.append(supervisor)
        supervisor.switch_on()
        supervisor.registered()
        return supervisor

    @property
    def supervisor(self) -> Supervisor:
        """The scenario's supervisor. Raises HarnessMisuse when there is none."""
        if not self.supervisors:
            raise HarnessMisuse("the scenario has no supervisor", suggestion="add 'Given a supervisor' before")
        return self.supervisors[0]

    @property
    def staff(self) -> list[Agent]:
        """Agents and supervisors: all who have an account at the PBX."""
        return [*self.agents, *self.supervisors]

    def agent(self, position: int) -> Agent:
        """The agent whom the scenario has named so, else the one whose phone rang at ``position`` (1: first)."""
        if position in self._named:
            return self._named[position]
        rang = [agent for agent in self.agents if agent.incoming is not None]
        rang.sort(key=lambda agent: agent.incoming.at if agent.incoming else 0.0)
        if position > len(rang):
            raise HarnessMisuse(
                f"the scenario names agent {position}, but {len(rang)} phones have rung",
                suggestion='let "an agent\'s phone rings" come before',
            )
        return rang[position - 1]

    def colleague_of(self, agent: Agent) -> Agent:
        """Another agent who is logged in. Raises HarnessMisuse when there is none."""
        for other in self.agents:
            if other is not agent:
                return other
        raise HarnessMisuse("there is no colleague", suggestion="begin with a colleague ready")

    def named_agent(self, position: int) -> Agent:
        """The agent at ``position`` among those logged in; from now on the scenario calls them so.

        Raises HarnessMisuse when fewer are ready.
        """
        if position not in self._named:
            if position > len(self.agents):
                raise HarnessMisuse(
                    f"the scenario names agent {position}, but {len(self.agents)} are ready",
                    suggestion="say how many agents are ready in the first Given",
                )
            self._named[position] = self.agents[position - 1]
        return self._named[position]

    @property
    def last_agent(self) -> Agent:
        """The agent who had a call last, whoever began it. Raises HarnessMisuse when nobody had one."""
        had = [agent for agent in self.agents if agent.began_at]
        if not had:
            raise HarnessMisuse("no agent has had a call", suggestion='let "an agent\'s phone rings" come before')
        return max(had, key=lambda agent: agent.began_at)

    def agents_rung(self) -> int:
        """How many agents' phones have rung, counted as ``agent`` does."""
        return sum(agent.incoming is not None for agent in self.agents)

    def voice(self, phone: str) -> tuple[int, Path]:
        """A beacon that nobody else in the scenario has: its frequency in Hz and its WAV."""
        frequency = next(self._voices)
        path = self.testbed.directory / f"beacon-{frequency}.wav"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_beacon(path, frequency, BEACON_S)
        return frequency, path

    def vary_trunk(self, changes: str) -> None:
        """Have the trunk follow its profile with further changes (TOML), until the scene ends."""
        self._trunk_changes += changes
        self.testbed.trunk.call(VaryProfile(changes=self._trunk_changes))

    @contextmanager
    def trunk_varied(self, changes: str, *, instead: bool = False) -> Iterator[None]:
        """As ``vary_trunk``, for a while; ``instead`` of the changes that there are, or beside them."""
        before = self._trunk_changes
        if instead:
            self._trunk_changes = ""
        self.vary_trunk(changes)
        try:
            yield
        finally:
            self._trunk_changes = before
            self.testbed.trunk.call(VaryProfile(changes=before))

    def _trunk_as_it_was(self) -> None:
        """Take back what the scene has changed of the trunk."""
        if self._trunk_changes:
            self.testbed.trunk.call(VaryProfile(changes=""))
        if self._trunk_moved:
            self.testbed.trunk.call(CallFrom(address=""))

    @contextmanager
    def trunk_calling_from(self, address: str) -> Iterator[None]:
        """The trunk's requests to the PBX come from another address of this machine meanwhile."""
        self._trunk_moved = True
        self.testbed.trunk.call(CallFrom(address=address))
        try:
            yield
        finally:
            self.testbed.trunk.call(CallFrom(address=""))
            self._trunk_moved = False

    def talk_for(self, seconds: float) -> None:
        """Let a conversation go on: time that the scenario itself asks for, not a wait for something."""
        sleep(seconds)

    # Ringing

    def ring_within(self, within_s: float) -> Agent | None:
        """The next phone of the line that rings and has not been counted yet; None when none does in time."""
        phones = {agent.phone: agent for agent in self.agents}
        try:
            event = self.testbed.agents.wait_for(
                CallIncoming,
                lambda e: e.phone in phones and e.call not in self._rings_seen,
                timeout_s=within_s,
                since=self._agents_mark,
            )
        except AwaitExpired:
            return None
        self._rings_seen.add(event.call)
        agent = phones[event.phone]
        agent.rang(event)
        return agent

    def next_ring(self, within_s: float, *, what: str = "an agent's phone") -> Agent:
        """As ``ring_within``, but raises PbxFault when no phone rings."""
        agent = self.ring_within(within_s)
        if agent is None:
            raise self.fault(f"{what} did not ring within {within_s:g} s")
        return agent

    def rings(self) -> list[CallIncoming]:
        """All rings of the line's phones so far."""
        phones = {agent.phone for agent in self.agents}
        return [
            e
            for e in self.testbed.agents.events(self._agents_mark)
            if isinstance(e, CallIncoming) and e.phone in phones
        ]

    # Evidence

    def note(self, text: str) -> None:
        """Add a line to the present step's notes."""
        self._notes.append(text)

    def take_notes(self) -> list[str]:
        """Notes since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def trunk_events(self) -> list[Event]:
        """The trunk's events of this scenario, with all that came before what phones have seen by now."""
        # Each simulator tells by a pipe of its own: what the trunk told before its answer is here when that is.
        with suppress(SimulatorDied, SimulatorRefused):
            self.testbed.trunk.call(WhereCustomersCall())
        return self.testbed.trunk.events(self._trunk_mark)

    def ears(self) -> list[Ear]:
        """Ears that the scenario has used."""
        customers = [ear for customer in self.everybody_calling for ear in customer.ears()]
        return customers + [ear for agent in self.staff for ear in agent.ears()]

    def phone_marks(self) -> list[tuple[Simulator, int]]:
        """Both phone simulators, each with where this scenario's events begin."""
        return [(self.testbed.customers, self._customers_mark), (self.testbed.agents, self._agents_mark)]

    def messages(self) -> list[SipTraceEntry]:
        """SIP messages of the scenario by time: the trunk's both sides and the agents' phones'."""
        seen = [
            *self.trunk_messages(),
            *self.testbed.agent_messages(self.started_at),
        ]
        return sorted(seen, key=lambda entry: entry.at)

    def names(self) -> dict[str, str]:
        """Who is at which ``ip:port`` or ``ip``."""
        pbx = self.testbed.target.pbx
        names = {pbx.host: "PBX", self.testbed.trunk_address: "trunk"}
        names |= {site.host: site.name for site in self.testbed.target.sites}
        names |= {customer.contact: customer.label for customer in self.everybody_calling if customer.contact}
        return names | {agent.contact: agent.name for agent in self.staff}

    def situation(self) -> str:
        """The last SIP messages, for the detail of a failure."""
        return last_messages(self.messages(), started_at=self.started_at, names=self.names())

    def fault(self, reason: str, *, stall_s: float = DELAY_S, kind: str = "") -> PbxFault:
        """A fault of the PBX with what happened as its detail; ``stall_s`` and ``kind`` as in PbxFault."""
        return PbxFault(reason, detail=self.situation(), stall_s=stall_s, kind=kind)

    def longest_stall(self) -> tuple[str, float]:
        """Which of our own processes, or of the PBX's where it runs here, was kept from running longest in this
        scenario, and how long, in s."""
        marks = [
            *self.phone_marks(),
            (self.testbed.trunk, self._trunk_mark),
            (self.testbed.platform, self.whatsapp.mark),
        ]
        stalls = [(s.name, e.for_s) for s, mark in marks for e in s.events(mark) if isinstance(e, Stalled)]
        stalls += [("the harness itself", e.for_s) for e in self.testbed.stalls if e.at >= self.started_at]
        log = self.testbed.system.running.stalls
        stalls += [("the PBX", e.for_s) for e in read_stalls(Path(log), self.started_at)] if log else []
        return max(stalls, key=lambda stall: stall[1], default=("nothing", 0.0))

    def trunk_invites(self, *, to_pbx: bool) -> list[SipTraceEntry]:
        """INVITEs of the scenario between trunk and PBX, in one direction, repetitions included."""
        ours, pbx = self.testbed.trunk_address, self.testbed.target.pbx.host
        return [
            entry
            for entry in self.trunk_messages()
            if entry.first_line.startswith("INVITE ")
            and host_of(entry.source) == (ours if to_pbx else pbx)
            and host_of(entry.destination) == (pbx if to_pbx else ours)
        ]

    def trunk_messages(self) -> list[SipTraceEntry]:
        """Messages of the trunk's both sides in this scenario, as written."""
        return list(read_trace(self.testbed.trunk_trace, self._trace_from))

    # End

    def open_trunk_calls(self) -> list[str]:
        """Trunk calls of this scenario that have not finished."""
        events = self.trunk_events()
        finished = {e.call for e in events if isinstance(e, CallFinished)}
        return [e.call for e in events if isinstance(e, CallStarted) and e.call not in finished]

    def trunk_call_finished(self, customer: Customer, within_s: float) -> CallFinished:
        """The end of a customer's latest call as the trunk saw it on both legs. Raises PbxFault."""
        call = trunk_call(self, customer).call
        try:
            return self.testbed.trunk.wait_for(
                CallFinished, partial(_is_of, call), timeout_s=within_s, since=self._trunk_mark
            )
        except AwaitExpired:
            raise self.fault(f"the PBX's leg of {customer.label}'s call was still up after {within_s:g} s") from None

    def hang_up_all(self) -> None:
        """End every call that is still up, on all legs. Raises Inconclusive when our own side does not let go."""
        for customer in self.everybody_calling:
            if customer.in_call:
                customer.hangs_up()
        for agent in self.staff:
            if agent.dialling:
                agent.hangs_up()
        for call in self.open_trunk_calls():
            try:
                self.testbed.trunk.wait_for(
                    CallFinished, partial(_is_of, call), timeout_s=CLEAN_UP_S, since=self._trunk_mark
                )
            except AwaitExpired:
                raise Inconclusive(f"trunk call {call} did not end within {CLEAN_UP_S:g} s of hanging up") from None
        deadline = monotonic() + self.testbed.target.deadlines.release_s
        for simulator, mark in self.phone_marks():
            for call in _open_calls(simulator.events(mark)):
                self._let_go(simulator, mark, call, deadline)

    def _let_go(self, simulator: Simulator, mark: int, call: str, deadline: float) -> None:
        """Wait for a phone's call to end as the PBX ends it; after the deadline the phone ends it itself."""
        for remaining_s in (max(deadline - monotonic(), 0.0), CLEAN_UP_S):
            try:
                simulator.wait_for(CallEnded, partial(_is_of, call), timeout_s=remaining_s, since=mark)
            except AwaitExpired:
                simulator.call(HangUp(call=call))
            else:
                return
        raise Inconclusive(f"{simulator.name} did not end the call {call} within {CLEAN_UP_S:g} s of hanging up")

    def dead_simulators(self) -> list[str]:
        """Names of our own processes that ended during the scenario."""
        bed = self.testbed
        ours = (bed.trunk, bed.platform, bed.customers, bed.agents)
        return [simulator.name for simulator in ours if not simulator.alive]

    def switch_all_off(self) -> None:
        """Take all phones out of service and give the line back. What a dead simulator had is gone already."""
        phones: list[Agent | Customer] = [*self.staff, *self.everybody_calling]
        try:
            for phone in phones:
                with suppress(SimulatorDied):
                    phone.switch_off()
            with suppress(SimulatorDied):
                self._trunk_as_it_was()
                self.sites.close()
        finally:
            self.business.close()
            for supervisor in self.supervisors:
                supervisor.lease.release()
            if self._line is not None:
                self._line.lease.release()
            if self._front_door is not None:
                self._front_door.lease.release()


def _is_of(call: str, event: CallFinished | CallEnded) -> bool:
    return event.call == call


def _open_calls(events: list[Event]) -> list[str]:
    """Calls that began (rang or got audio) and have not ended."""
    ended = {e.call for e in events if isinstance(e, CallEnded)}
    began = dict.fromkeys(e.call for e in events if isinstance(e, CallIncoming | MediaActive | CallProgress))
    return [call for call in began if call not in ended]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
