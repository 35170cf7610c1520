"""The manager interface: what Asterisk answers, read; what refuses or is silent, told in one line."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import Inconclusive
from harness.target import load_target
from simulators.pbx.adapter import RunningPbx
from simulators.pbx.asterisk.adapter import AsteriskPbx
from simulators.pbx.asterisk.ami import Manager, ManagerError, parse_messages

CLIENT = httpx.Client
CHANNELS = """Response: Success
EventList: start
Message: Channels will follow

Event: CoreShowChannel
Channel: PJSIP/trunk-00000001
ChannelStateDesc: Up
CallerIDNum: +34612345678
ConnectedLineNum: 1001
Exten: 442079460100
Application: Queue
ApplicationData: support-a,,,,20

Event: CoreShowChannel
Channel: PJSIP/1001-00000002
ChannelStateDesc: Ringing
CallerIDNum: 1001
ConnectedLineNum: +34612345678
Exten:
Application: AppQueue
ApplicationData: (Outgoing Line)

Event: CoreShowChannelsComplete
ListItems: 2

"""
QUEUE = """Response: Success

Event: QueueParams
Queue: support-a

Event: QueueMember
Name: 1001
Status: 1
Paused: 0

Event: QueueMember
Name: 1002
Status: 5
Paused: 0

Event: QueueEntry
Position: 2
CallerIDNum: +33612345678

Event: QueueEntry
Position: 1
CallerIDNum: +34612345678

"""


def adapter(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], tmp_path="/x", asked: list[dict[str, str]] | None = None
) -> AsteriskPbx:
    def get(request: httpx.Request) -> httpx.Response:
        action = request.url.params["action"]
        if asked is not None:
            asked.append(dict(request.url.params))
        return httpx.Response(200, text=answers.get(action, "Response: Success\n\n"))

    monkeypatch.setattr(
        "simulators.pbx.asterisk.ami.httpx.Client",
        lambda **_: CLIENT(transport=httpx.MockTransport(get)),
    )
    running = RunningPbx(target=load_target("reference"), control_url="http://pbx/rawman", directory=str(tmp_path))
    return AsteriskPbx(running)


def test_channels(monkeypatch):
    trunk, agent = adapter(monkeypatch, {"CoreShowChannels": CHANNELS}).channels()
    assert (trunk.peer, trunk.caller_number, trunk.called_number) == ("trunk", "+34612345678", "442079460100")
    assert trunk.queue == "support-a"
    assert (agent.peer, agent.caller_number, agent.called_number) == ("1001", "+34612345678", "1001")
    assert agent.state == "Ringing"


def test_a_queue(monkeypatch):
    queue = adapter(monkeypatch, {"QueueStatus": QUEUE}).queue("support-a")
    assert queue.waiting == ("+34612345678", "+33612345678")
    assert queue.available_agents == ("1001",)


def test_a_queue_that_asterisk_does_not_have_is_not_an_empty_one(monkeypatch):
    with pytest.raises(Inconclusive, match="no queue 'support-z'"):
        adapter(monkeypatch, {}).queue("support-z")


def test_the_clock(monkeypatch):
    answer = {"Getvar": "Response: Success\nValue: 2026-03-10T10:30:05\n\n"}
    assert adapter(monkeypatch, answer).now().isoformat() == "2026-03-10T10:30:05"
    with pytest.raises(Inconclusive, match="clock"):
        adapter(monkeypatch, {"Getvar": "Response: Success\nValue: late\n\n"}).now()


@pytest.mark.parametrize(
    ("presence", "paused", "free"),
    [("0", "0", True), ("0", "1", False), ("1", "0", False), ("2", "0", False), ("4", "0", False), ("8", "0", False)],
)
def test_an_agent_is_free_when_idle_and_not_paused(monkeypatch, presence: str, paused: str, free: bool):
    answers = {
        "ExtensionState": f"Response: Success\nExten: 1001\nStatus: {presence}\n\n",
        "QueueStatus": f"Response: Success\n\nEvent: QueueMember\nName: 1001\nPaused: {paused}\n\n",
    }
    assert adapter(monkeypatch, answers).agent_available("1001") is free


def test_an_agent_whom_the_pbx_does_not_have_is_not_busy(monkeypatch):
    answers = {"ExtensionState": "Response: Success\nStatus: -1\n\n"}
    with pytest.raises(Inconclusive, match="no agent '1999'"):
        adapter(monkeypatch, answers).agent_available("1999")


def test_a_click_calls_the_agent_first(monkeypatch):
    asked: list[dict[str, str]] = []
    assert adapter(monkeypatch, {}, asked=asked).click_to_call("1001", "+34612345678") is True
    originate = asked[-1]
    assert (originate["action"], originate["Channel"]) == ("Originate", "PJSIP/1001")
    assert (originate["Context"], originate["Exten"]) == ("from-agents", "+34612345678")
    assert originate["CallerID"] == "<+34612345678>"
    assert originate["Async"] == "true"


def test_a_refusal_says_why(monkeypatch):
    refused = {"Login": "Response: Error\nMessage: Authentication failed\n\n"}
    with pytest.raises(ManagerError, match="Authentication failed"):
        adapter(monkeypatch, refused).channels()


def test_silence_is_inconclusive_in_one_line():
    with pytest.raises(Inconclusive, match=r"^the PBX's manager interface at http://127\.0\.14\.9:1/ does not answer"):
        Manager("http://127.0.14.9:1/", "u", "p").action("Ping")


def test_files_of_messages(monkeypatch, tmp_path):
    inbox = tmp_path / "spool" / "voicemail" / "default" / "442079460100" / "INBOX"
    inbox.mkdir(parents=True)
    for name in ("msg0001.wav", "msg0000.wav", "msg0000.txt"):
        (inbox / name).touch()
    pbx = adapter(monkeypatch, {}, tmp_path)
    assert [path.name for path in pbx.voicemail_messages("+442079460100")] == ["msg0000.wav", "msg0001.wav"]
    assert pbx.voicemail_messages("+442079460101") == []


@given(st.text())
def test_any_text_is_read(text: str):
    for message in parse_messages(text):
        assert message.fields


def test_events_that_nobody_reads_are_let_go_of_now_and_then(monkeypatch):
    """Else Asterisk keeps each event of the whole PBX for this login."""
    asked: list[dict[str, str]] = []
    now = [100.0]
    monkeypatch.setattr("simulators.pbx.asterisk.ami.monotonic", lambda: now[0])
    pbx = adapter(monkeypatch, {"CoreShowChannels": CHANNELS}, asked=asked)
    for at in (100.0, 103.0, 106.0, 108.0):
        now[0] = at
        pbx.channels()
    assert [each["action"] for each in asked].count("WaitEvent") == 1
    (waits,) = (each for each in asked if each["action"] == "WaitEvent")
    assert waits["Timeout"] == "0"
