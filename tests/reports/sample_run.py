"""Makes run directories as a real run leaves them: calls on four addresses, sound, verdicts of each kind.

``python -m tests.reports.sample_run DIRECTORY`` writes one to look at.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from harness.audio.wav import write_wav
from harness.evidence import (
    Clip,
    Mark,
    Participant,
    Role,
    RtpFigures,
    RunRecord,
    ScenarioRecord,
    Step,
    StepStatus,
    slug,
    write_record,
)
from harness.trace import SipTraceEntry
from harness.verdict import Blame, Verdict

WALL = 1_763_931_000.25
STARTED_AT = 5_000.0
RATE_HZ = 16_000
PASSWORD = "correct-horse-battery"
NONCE = "1763931000/5c1f0a9be8d7"
DIGEST = "6629fae49393a05397450978507c4ef1"

CUSTOMER, TRUNK_C, TRUNK, PBX = "127.0.0.100:40012", "127.0.0.20:5070", "127.0.0.20:5060", "127.0.0.10:5060"
AGENT, AGENT_2 = "127.0.0.110:5060", "127.0.0.111:5060"

PARTICIPANTS = [
    Participant(name="Ana", role=Role.AGENT, addresses=[AGENT], detail="extension 1001"),
    Participant(name="the customer", role=Role.CUSTOMER, addresses=[CUSTOMER], detail="ليلى حسن, +201001234567"),
    Participant(name="trunk 8x8", role=Role.TRUNK, addresses=[TRUNK_C, TRUNK]),
    Participant(name="PBX", role=Role.PBX, addresses=["127.0.0.10"], detail="Asterisk 22.10.1"),
    Participant(name="Bilal", role=Role.AGENT, addresses=[AGENT_2], detail="extension 1002"),
    Participant(name="PSTN trap", role=Role.PSTN, addresses=["127.0.0.30:5060"]),
]


def sdp(address: str, port: int, payloads: str = "111 0 8 101", extra: str = "") -> str:
    names = {"111": "opus/48000/2", "0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "101": "telephone-event/8000"}
    maps = "".join(f"a=rtpmap:{p} {names[p]}\r\n" for p in payloads.split())
    return (
        f"v=0\r\no=- 3973 3973 IN IP4 {address}\r\ns=call\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {payloads}\r\n{maps}a=ptime:20\r\n{extra}"
    )


@dataclass
class Trace:
    """Builds a trace message by message; ``now`` is since the scenario's start."""

    now: float = 0.0
    transport: str = "udp"
    entries: list[SipTraceEntry] = field(default_factory=list)

    def wire(self, after: float, source: str, destination: str, raw: str) -> None:
        self.now += after
        self.entries.append(
            SipTraceEntry(
                at=STARTED_AT + self.now,
                wall=WALL + self.now,
                source=source,
                destination=destination,
                transport=self.transport,
                raw=raw,
            )
        )

    def message(
        self,
        after: float,
        source: str,
        destination: str,
        first: str,
        call: str,
        *,
        cseq: str,
        branch: str,
        body: str = "",
        to_tag: str = "",
        headers: str = "",
    ) -> None:
        tag = f";tag={to_tag}" if to_tag else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.wire(
            after,
            source,
            destination,
            f"{first}\r\nVia: SIP/2.0/{self.transport.upper()} {source};rport;branch=z9hG4bK{branch}\r\n"
            "Max-Forwards: 70\r\n"
            f'From: "ليلى حسن" <sip:+201001234567@{source}>;tag=a{call[:6]}\r\n'
            f"To: <sip:+442079460100@{destination}>{tag}\r\n"
            f"Call-ID: {call}\r\nCSeq: {cseq}\r\nContact: <sip:+201001234567@{source}>\r\n"
            "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nUser-Agent: 8x8 CPaaS SIP (simulated by trunkproof)\r\n"
            f"{headers}{kind}"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}",
        )

    def register(self, phone: str, call: str) -> None:
        self.message(0.01, phone, PBX, "REGISTER sip:127.0.0.10 SIP/2.0", call, cseq="1 REGISTER", branch=f"{call}1")
        self.message(
            0.002,
            PBX,
            phone,
            "SIP/2.0 401 Unauthorized",
            call,
            cseq="1 REGISTER",
            branch=f"{call}1",
            headers=f'WWW-Authenticate: Digest realm="asterisk",nonce="{NONCE}",opaque="1b2c",qop="auth"\r\n',
        )
        self.message(
            0.004,
            phone,
            PBX,
            "REGISTER sip:127.0.0.10 SIP/2.0",
            call,
            cseq="2 REGISTER",
            branch=f"{call}2",
            headers=f'Authorization: Digest username="1001", realm="asterisk", nonce="{NONCE}", uri="sip:127.0.0.10", '
            f'response="{DIGEST}", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001\r\n',
        )
        self.message(0.002, PBX, phone, "SIP/2.0 200 OK", call, cseq="2 REGISTER", branch=f"{call}2", to_tag="r1")

    def keep_alive(self) -> None:
        call = f"ka-{len(self.entries)}@127.0.0.20"
        self.message(0.01, TRUNK, PBX, "OPTIONS sip:127.0.0.10 SIP/2.0", call, cseq="1 OPTIONS", branch=call[:6])
        self.message(0.003, PBX, TRUNK, "SIP/2.0 200 OK", call, cseq="1 OPTIONS", branch=call[:6], to_tag="k")

    def leg_up(self, source: str, destination: str, call: str, branch: str, payloads: str, ring_s: float) -> None:
        self.message(
            0.004,
            source,
            destination,
            f"INVITE sip:+442079460100@{destination} SIP/2.0",
            call,
            cseq="1 INVITE",
            branch=branch,
            body=sdp(source.split(":")[0], 4000, payloads),
        )
        self.message(0.002, destination, source, "SIP/2.0 100 Trying", call, cseq="1 INVITE", branch=branch)
        self.message(
            ring_s, destination, source, "SIP/2.0 180 Ringing", call, cseq="1 INVITE", branch=branch, to_tag="b1"
        )

    def answered(
        self, source: str, destination: str, call: str, branch: str, payloads: str, after: float = 0.01
    ) -> None:
        self.message(
            after,
            destination,
            source,
            "SIP/2.0 200 OK",
            call,
            cseq="1 INVITE",
            branch=branch,
            to_tag="b1",
            body=sdp(destination.split(":")[0], 12_000, payloads),
        )
        self.message(
            0.003,
            source,
            destination,
            f"ACK sip:{destination} SIP/2.0",
            call,
            cseq="1 ACK",
            branch=f"{branch}k",
            to_tag="b1",
        )

    def bye(self, source: str, destination: str, call: str, after: float) -> None:
        self.message(
            after,
            source,
            destination,
            f"BYE sip:{destination} SIP/2.0",
            call,
            cseq="2 BYE",
            branch=f"b{call[:5]}",
            to_tag="b1",
        )
        self.message(
            0.004, destination, source, "SIP/2.0 200 OK", call, cseq="2 BYE", branch=f"b{call[:5]}", to_tag="b1"
        )


def whole_call(transport: str = "udp", talk_s: float = 6.0) -> Trace:
    """Customer to agent through trunk and PBX, with a retransmission and housekeeping."""
    trace = Trace(transport=transport)
    trace.register(AGENT, "reg1001")
    trace.register(AGENT_2, "reg1002")
    trace.keep_alive()
    one, two, three = "5f0a1c77-cust@127.0.0.100", "c81e728d-9d4c@127.0.0.20", "eccbc87e-pbx@127.0.0.10"
    trace.now = 0.6
    trace.message(
        0,
        CUSTOMER,
        TRUNK_C,
        "INVITE sip:+442079460100@127.0.0.20 SIP/2.0",
        one,
        cseq="1 INVITE",
        branch="c1",
        body=sdp("127.0.0.100", 4000, "111 0 8 9 101"),
    )
    trace.message(0.002, TRUNK_C, CUSTOMER, "SIP/2.0 100 Trying", one, cseq="1 INVITE", branch="c1")
    trace.message(
        0.004,
        TRUNK,
        PBX,
        "INVITE sip:+442079460100@127.0.0.10:5060 SIP/2.0",
        two,
        cseq="1 INVITE",
        branch="t1",
        body=sdp("127.0.0.100", 4000, "111 0 8 9 101"),
        headers="P-Asserted-Identity: <sip:+201001234567@127.0.0.20>\r\n",
    )
    invite = trace.entries[-1]
    trace.wire(0.5, invite.source, invite.destination, invite.raw)
    trace.message(0.002, PBX, TRUNK, "SIP/2.0 100 Trying", two, cseq="1 INVITE", branch="t1")
    trace.answered(TRUNK, PBX, two, "t1", "111 101", 0.02)
    trace.answered(CUSTOMER, TRUNK_C, one, "c1", "111 101", 0.003)
    trace.leg_up(PBX, AGENT, three, "p1", "111 0 8 101", 0.08)
    trace.answered(PBX, AGENT, three, "p1", "111 101", 1.1)
    trace.message(
        2.0,
        AGENT,
        PBX,
        "INVITE sip:127.0.0.10 SIP/2.0",
        three,
        cseq="7 INVITE",
        branch="h1",
        to_tag="x",
        body=sdp("127.0.0.110", 4000, "111 101", "a=sendonly\r\n"),
    )
    trace.message(
        0.01,
        PBX,
        AGENT,
        "SIP/2.0 200 OK",
        three,
        cseq="7 INVITE",
        branch="h1",
        to_tag="x",
        body=sdp("127.0.0.10", 12_000, "111 101", "a=recvonly\r\n"),
    )
    trace.message(0.002, AGENT, PBX, "ACK sip:127.0.0.10 SIP/2.0", three, cseq="7 ACK", branch="h2", to_tag="x")
    trace.bye(CUSTOMER, TRUNK_C, one, talk_s)
    trace.bye(TRUNK, PBX, two, 0.003)
    trace.bye(PBX, AGENT, three, 0.004)
    return trace


def refused_call() -> Trace:
    trace = Trace()
    call = "a87ff679@127.0.0.100"
    trace.leg_up(CUSTOMER, TRUNK_C, call, "c9", "111 0 101", 0.1)
    trace.leg_up(TRUNK, PBX, "b" + call, "t9", "111 0 101", 0.1)
    trace.message(3.0, PBX, TRUNK, "SIP/2.0 603 Decline", "b" + call, cseq="1 INVITE", branch="t9", to_tag="b1")
    trace.message(0.01, TRUNK_C, CUSTOMER, "SIP/2.0 603 Decline", call, cseq="1 INVITE", branch="c9", to_tag="b1")
    trace.message(
        0.01, PBX, "127.0.0.99:6000", "INVITE sip:+44999@127.0.0.99 SIP/2.0", "stray", cseq="1 INVITE", branch="s"
    )
    return trace


def speech(seconds: float, seed: int, gaps: float = 0.35) -> np.ndarray:
    """Something with the rhythm of speech."""
    generator = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    times = np.arange(count) / RATE_HZ
    pitch = 120 + 30 * np.sin(times * 2.1 + seed)
    voice = sum(np.sin(np.cumsum(pitch * n) * 2 * np.pi / RATE_HZ) / n for n in range(1, 9))
    syllables = np.repeat(generator.random(int(seconds * 7) + 1) > gaps, RATE_HZ // 7 + 1)[:count]
    smooth = np.convolve(syllables, np.hanning(800) / 400, mode="same")
    return (0.09 * voice * smooth * (0.6 + 0.4 * np.sin(times * 9)) + 0.001 * generator.standard_normal(count)).astype(
        np.float32
    )


def tone(seconds: float, hertz: float) -> np.ndarray:
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (0.25 * np.sin(2 * np.pi * hertz * times) * ((times % 0.5) < 0.4)).astype(np.float32)


def rtp(participant: str, codec: str = "opus", lost: int = 0, received: int = 412) -> RtpFigures:
    return RtpFigures(
        participant=participant,
        call=f"{participant}-1",
        figures={
            "codec": codec,
            "clock_rate_hz": 48_000,
            "payload_type": 111,
            "ptime_ms": 20,
            "local": "127.0.0.100:4000",
            "remote": "127.0.0.10:12000",
            "received_packets": received,
            "received_bytes": 30_000,
            "received_lost": lost,
            "received_discarded": 0,
            "received_reordered": 0,
            "received_jitter_ms": 1.42,
            "sent_packets": 417,
            "sent_bytes": 31_000,
            "sent_lost": 0,
            "sent_jitter_ms": 0.9,
            "round_trip_ms": 2.31,
        },
        mos_cqe=4.35 if not lost else 3.6,
        mos_note="MOS-CQE (E-model, codec constants assumed)",
    )


def steps(
    *texts: str, failed: int | None = None, error: str = "", notes: dict[int, list[str]] | None = None
) -> list[Step]:
    made, at = [], STARTED_AT + 0.05
    for number, text in enumerate(texts):
        keyword, _, rest = text.partition(" ")
        status = StepStatus.PASSED
        if failed is not None and number >= failed:
            status = StepStatus.FAILED if number == failed else StepStatus.NOT_REACHED
        length = (0.45, 0.1, 0.05, 0.7, 1.4, 2.6, 3.2, 0.2)[number % 8]
        made.append(
            Step(
                keyword=keyword,
                text=rest,
                line=9 + number,
                status=status,
                started_at=at,
                duration_s=length,
                error=error if number == failed else "",
                notes=(notes or {}).get(number, []),
            )
        )
        at += length
    return made


TALK = (
    "Given the support line is open with 2 agents ready",
    'And a customer in Egypt whose WhatsApp name is "ليلى حسن"',
    "When the customer calls the support number",
    "Then the call is answered",
    "And an agent's phone rings",
    "When the agent answers",
    "Then the customer and the agent hear each other",
    "When the customer hangs up",
    "Then both sides of the call have ended",
)


def scenario(
    run: Path,
    name: str,
    verdict: Verdict,
    *,
    trace: Trace | None = None,
    blame: Blame = Blame.NOBODY,
    sound: str = "",
    feature: str = "Customer support inbound calling",
    file: str = "features/inbound_support.feature",
    line: int = 8,
    **more: object,
) -> Path:
    """Write a scenario's evidence; ``sound`` is ``both``, ``one-way`` or nothing. Returns its directory."""
    directory = run / "evidence" / slug(f"{name} {line}")
    directory.mkdir(parents=True)
    values: dict[str, object] = {
        "steps": steps(*TALK),
        "tags": ["smoke"],
        "requirements": ["S1-01", "T07"],
        "duration_s": 11.84,
        "talk_s": 9.71,
        "participants": PARTICIPANTS,
        "facts": {"answer_delay_ms": 41.7, "ring_delay_ms": 142.0},
    }
    if trace is not None:
        (directory / "trace.jsonl").write_text(
            "".join(json.dumps(asdict(e)) + "\n" for e in trace.entries), encoding="ascii"
        )
        values["trace"] = "trace.jsonl"
    if sound:
        write_wav(directory / "customer.wav", np.concatenate([speech(4.2, 1), tone(4.0, 600)]), RATE_HZ)
        heard = np.zeros(6 * RATE_HZ, dtype=np.float32) if sound == "one-way" else tone(6.0, 850)
        write_wav(directory / "ana.wav", heard, RATE_HZ)
        values["clips"] = [
            Clip(
                participant="the customer",
                call="customer-1",
                label="greeting, then the agent",
                file="customer.wav",
                started_at=STARTED_AT + 1.2,
                codec="Opus",
                marks=[
                    Mark(label="greeting (English)", start_s=0.1, end_s=4.1, score=0.97),
                    Mark(label="Ana's beacon 600 Hz", start_s=4.2, end_s=8.1, score=0.99),
                    Mark(label="digit 4", start_s=6.0, end_s=6.2),
                ],
            ),
            Clip(
                participant="Ana",
                call="agent-1",
                label="the customer",
                file="ana.wav",
                started_at=STARTED_AT + 3.4,
                codec="Opus",
                marks=[]
                if sound == "one-way"
                else [Mark(label="customer's beacon 850 Hz", start_s=0.2, end_s=5.8, score=0.98)],
            ),
        ]
        values["rtp"] = [rtp("the customer"), rtp("Ana", lost=6 if sound == "one-way" else 0)]
    values |= more
    write_record(
        directory,
        ScenarioRecord(
            feature=feature,
            feature_file=file,
            line=line,
            name=name,
            verdict=verdict,
            blame=blame,
            started_wall=WALL,
            started_at=STARTED_AT,
            **values,  # type: ignore[arg-type]
        ),
    )
    return directory


def write_run(directory: Path, **changes: object) -> None:
    values: dict[str, object] = {
        "run_id": directory.name,
        "target": "reference",
        "target_description": "Acme support centre on Asterisk 22",
        "profile": "8x8",
        "provider": "rootfs",
        "pbx_version": "Asterisk 22.10.1",
        "started_wall": WALL,
        "finished_wall": WALL + 192.4,
        "workers": 2,
        "command": "trunkproof run -n 2 features/inbound_support.feature",
        "versions": {"trunkproof": "0.1.0", "pjsua2": "2.17", "sippy": "2.5.0"},
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "run.json").write_text(RunRecord(**(values | changes)).model_dump_json(), encoding="utf-8")  # type: ignore[arg-type]


def mixed_run(directory: Path) -> Path:
    """A run with each verdict, names in several scripts, and damaged evidence."""
    write_run(directory, notes=["Opus is missing on this machine: scenarios that need it were not run"])
    scenario(
        directory,
        "A customer reaches an agent and they hear each other",
        Verdict.PASS,
        trace=whole_call(),
        sound="both",
        line=8,
        steps=steps(
            *TALK,
            notes={
                3: ["answered after 42 ms"],
                6: ["the customer heard Ana's beacon, score 0.99", "Ana heard the customer's beacon, score 0.98"],
            },
        ),
    )
    scenario(
        directory,
        "The agent sees the customer's number and name [प्रिया शर्मा 🌸]",
        Verdict.PASS,
        trace=whole_call("tcp", 1.0),
        sound="both",
        line=60,
        steps=steps(*TALK[:5], "And the agent sees the customer's name"),
    )
    scenario(
        directory,
        "The customer and the agent hear each other after a transfer",
        Verdict.FAIL,
        blame=Blame.PBX,
        line=120,
        trace=whole_call(),
        sound="one-way",
        reason="Ana heard nothing of the customer for 6.0 s, while the customer heard Ana",
        detail="RTP from the customer reached the PBX (301 packets), and none left it towards Ana.\n\nlast messages:\n"
        f'+4.1 s Ana → PBX  Authorization: Digest username="1001", nonce="{NONCE}", response="{DIGEST}"\n'
        "+4.2 s PBX → Ana  200 OK",
        steps=steps(
            *TALK,
            failed=6,
            error="Ana heard nothing of the customer for 6.0 s, while the customer heard Ana",
            notes={6: ["the customer heard Ana's beacon, score 0.99"]},
        ),
    )
    scenario(
        directory,
        "An unknown number is dialled",
        Verdict.FAIL,
        blame=Blame.PBX,
        line=140,
        trace=refused_call(),
        talk_s=0.0,
        reason="The PBX refused the call with 603 Decline instead of playing the not-in-service announcement",
        steps=steps(
            *TALK[:3],
            "Then the customer hears the not-in-service announcement in English",
            failed=3,
            error="603 Decline after 3.1 s",
        ),
    )
    broken = scenario(
        directory,
        "The customer chooses a language in the menu",
        Verdict.INCONCLUSIVE,
        blame=Blame.HARNESS,
        line=150,
        trace=whole_call(),
        sound="both",
        reason="the customers' phone process ended by itself (signal 11)",
        steps=steps(*TALK, failed=5, error="the customers' phone process ended by itself (signal 11)"),
    )
    damage(broken)
    scenario(
        directory,
        "A customer whose app offers only Opus is served",
        Verdict.NOT_RUN,
        line=170,
        talk_s=0.0,
        duration_s=0.01,
        reason="Opus is not available on this machine",
        steps=steps(*TALK[:2], failed=0),
        tags=["claims.opus"],
    )
    scenario(
        directory,
        "The target file names a queue that does not exist",
        Verdict.INCONCLUSIVE,
        blame=Blame.USER,
        line=12,
        reason="scenarios/targets/my_pbx.toml:31: unknown queue 'suport' (did you mean 'support'?)",
        talk_s=0.0,
        feature="Verificación de cola — 佐藤 花子",
        file="features/queues.feature",
    )
    half = directory / "evidence" / "half-written"
    half.mkdir()
    (half / "scenario.json").write_text('{"feature": "x", "na', encoding="utf-8")
    return directory


def damage(directory: Path) -> None:
    """Truncate a WAV and spoil the trace with octets that are no SIP."""
    wav = directory / "ana.wav"
    wav.write_bytes(wav.read_bytes()[:30])
    odd = SipTraceEntry(
        at=STARTED_AT + 1.0,
        wall=WALL + 1,
        source=TRUNK,
        destination=PBX,
        transport="udp",
        raw="\x00\x01INVITE\udcff\udc80 \ufffe\r\n\x07<script>alert(1)</script>",
    )
    huge = SipTraceEntry(
        at=STARTED_AT + 1.1,
        wall=WALL + 1.1,
        source=TRUNK,
        destination=PBX,
        transport="udp",
        raw="NOTIFY sip:x SIP/2.0\r\nCall-ID: huge\r\nCSeq: 1 NOTIFY\r\n\r\n" + "A" * 90_000,
    )
    with (directory / "trace.jsonl").open("a", encoding="ascii") as trace:
        for entry in (odd, huge):
            trace.write(json.dumps(asdict(entry)) + "\n")
        trace.write('{"at": 5, "wall": "soon"}\n{"at": 1')


def crowd(directory: Path) -> Path:
    """Ten customers at once: a wide ladder."""
    trace, people = Trace(), [p for p in PARTICIPANTS if p.role in (Role.TRUNK, Role.PBX, Role.PSTN)]
    for n in range(10):
        customer, agent = f"127.0.0.{100 + n}:40000", f"127.0.0.{130 + n}:5060"
        people.append(Participant(name=f"customer {n + 1}", role=Role.CUSTOMER, addresses=[customer]))
        people.append(Participant(name=f"agent {1001 + n}", role=Role.AGENT, addresses=[agent]))
        for source, destination, leg in ((customer, TRUNK_C, "c"), (TRUNK, PBX, "t"), (PBX, agent, "p")):
            trace.leg_up(source, destination, f"{leg}{n}-leg@127.0.0.1", f"{leg}{n}", "111 0 101", 0.01)
            trace.answered(source, destination, f"{leg}{n}-leg@127.0.0.1", f"{leg}{n}", "111 101")
    for n in range(10):
        trace.bye(f"127.0.0.{100 + n}:40000", TRUNK_C, f"c{n}-leg@127.0.0.1", 0.2)
    write_run(directory)
    scenario(
        directory,
        "Ten customers at once are all served",
        Verdict.PASS,
        trace=trace,
        participants=people,
        sound="both",
        line=200,
    )
    return directory


def many(directory: Path, scenarios: int) -> Path:
    """A long run, for size and speed."""
    write_run(directory)
    for n in range(scenarios):
        verdict = Verdict.FAIL if n % 40 == 7 else Verdict.PASS
        scenario(
            directory,
            f"A customer reaches an agent, number {n}",
            verdict,
            trace=whole_call(),
            sound="both",
            line=n,
            blame=Blame.PBX if verdict is Verdict.FAIL else Blame.NOBODY,
            reason="The call was not answered" if verdict is Verdict.FAIL else "",
            feature=f"Feature {n // 20}",
            file=f"features/f{n // 20:02}.feature",
        )
    return directory


if __name__ == "__main__":
    base = Path(sys.argv[1])
    mixed_run(base / "mixed")
    crowd(base / "crowd")
    many(base / "many", 200)
    many(base / "twenty-five", 25)
