"""The phones process: many phones on one pjsua2 endpoint, on one thread.

Callbacks of pjsua2 run inside ``Waiter.wait``; commands are carried out between two waits.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

import pjsua2 as pj

from harness.child import Channel
from harness.errors import HarnessMisuse, Inconclusive, TrunkproofError
from harness.messages import Command, Request, Stop
from simulators.phones import build, protocol
from simulators.phones.audio import BridgeClock, check_wav, write_silence
from simulators.phones.call import PhoneCall
from simulators.phones.endpoint import PhoneEndpoint, Waiter
from simulators.phones.phone import Phone
from simulators.phones.protocol import PhonesConfig
from simulators.phones.shared import Shared

STOP_DEADLINE_S = 3.0
# After the last BYE the process stays until nothing more comes in for so long.
QUIET_S = 0.06

_FILE_NAME = re.compile(r"\w[\w.+-]*")


def run(channel: Channel, config: PhonesConfig) -> None:
    """Serve commands until Stop, SIGTERM or the end of the harness.

    Raises OSError when the directory can't be written and Inconclusive when pjsua2 does not start.
    """
    directory = Path(config.directory)
    directory.mkdir(parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK):
        raise PermissionError(f"{directory} can't be written")
    terminated = False

    def terminate(_signal: int, _frame: FrameType | None) -> None:
        nonlocal terminated
        terminated = True

    signal.signal(signal.SIGTERM, terminate)
    try:
        process = PhonesProcess(channel, config, directory)
    except pj.Error as error:
        raise Inconclusive(f"pjsua2 does not start: {error.reason}") from error
    try:
        channel.ready()
        while not process.stopping and not terminated:
            process.turn()
        process.wind_up()
    finally:
        process.close()


class PhonesProcess:
    """The phones, their calls, and the loop that serves both."""

    def __init__(self, channel: Channel, config: PhonesConfig, directory: Path) -> None:
        self._channel = channel
        built = build.limits()
        self._limits = replace(built, max_calls=min(built.max_calls, config.max_calls))
        self.stopping: Request | None = None
        endpoint = PhoneEndpoint(directory, self._limits.max_calls)
        silence_path = directory / "silence.wav"
        write_silence(silence_path)
        silence = pj.AudioMediaPlayer()
        silence.createPlayer(str(silence_path))
        clock = BridgeClock(endpoint.flush_files)
        clock.calibrate(silence, directory / "clock.wav")
        self._shared = Shared(endpoint, directory, silence, clock, channel.emit)
        self._waiter = Waiter(endpoint, channel.fileno())
        self._phones: dict[str, Phone] = {}
        self._calls = self._shared.calls
        self._ended: dict[str, int] = {}
        self._tasks = self._shared.tasks
        self._last_event_at = monotonic()
        self._handlers: dict[type[Command], Callable[[Any], Any]] = {
            protocol.PlaceCall: self._place_call,
            protocol.Answer: lambda command: self._live(command.call).respond(command.code),
            protocol.Decline: lambda command: self._live(command.call).end(command.code),
            protocol.HangUp: self._hang_up,
            protocol.SendDigits: self._send_digits,
            protocol.Hold: lambda command: self._live(command.call).hold(command.on),
            protocol.Transfer: self._transfer,
            protocol.Play: lambda command: self._live(command.call).audio.play(command.wav, command.loop),
            protocol.Statistics: lambda command: self._live(command.call).statistics(),
            protocol.MediaSecurity: lambda command: str(self._live(command.call).security()),
            protocol.Codecs: lambda _command: self._shared.endpoint.codecs,
            protocol.Limits: lambda _command: self._limits,
            protocol.SwitchOn: self._switch_on,
        }

    def turn(self) -> None:
        """One turn of the loop: wait, commands, digits that are due, steps of what takes longer."""
        if self._waiter.wait(brisk=bool(self._tasks)):
            self._last_event_at = monotonic()
        while (request := self._channel.receive()) is not None:
            self._serve(request)
        self._advance()

    def wind_up(self) -> None:
        """End all calls and registrations, within STOP_DEADLINE_S."""
        deadline = monotonic() + STOP_DEADLINE_S
        self._tasks.extend(phone.switch_off() for phone in self._phones.values())
        self._last_event_at = monotonic()
        while monotonic() < deadline:
            if self._waiter.wait(brisk=bool(self._tasks)):
                self._last_event_at = monotonic()
            self._advance()
            if not self._tasks and monotonic() - self._last_event_at > QUIET_S:
                break
        if self.stopping is not None:
            self._channel.reply(self.stopping)

    def close(self) -> None:
        """Take pjsua2 down. Its objects must be gone before the library is."""
        endpoint = self._shared.endpoint
        self._tasks.clear()
        self._calls.clear()
        self._phones.clear()
        del self._shared, self._waiter, self._handlers
        gc.collect()
        endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    def _advance(self) -> None:
        self._dial()
        self._give_up()
        self._tell_of_security()
        self._step_tasks()
        self._sweep()
        self._shared.retired.let_go()
        self._shared.endpoint.flush_files()
        if self._shared.failed is not None:
            raise self._shared.failed

    def _serve(self, request: Request) -> None:
        command = request.command
        if isinstance(command, Stop):
            self.stopping = request
            return
        if isinstance(command, protocol.SwitchOff):
            self._tasks.append(self._switch_off(request, command.phone))
            return
        handler = self._handlers.get(type(command))
        if handler is None:
            self._channel.refuse(request, f"a phone does not know {type(command).__name__}")
            return
        try:
            value = handler(command)
        except pj.Error as error:
            self._channel.refuse(request, f"{type(command).__name__}: {one_line(error.reason)}")
        except TrunkproofError as reason:
            self._channel.refuse(request, str(reason))
        else:
            self._channel.reply(request, value)

    def _switch_on(self, command: protocol.SwitchOn) -> str:
        settings = command.settings
        if settings.phone in self._phones:
            raise Inconclusive(f"phone {settings.phone} is switched on already")
        if len(self._phones) >= self._limits.max_phones:
            raise Inconclusive(f"{len(self._phones)} phones are in service, and this machine's pjsua2 takes no more")
        require_file_name(settings.phone)
        if settings.plays:
            check_wav(settings.plays)
        phone = Phone(self._shared, settings)
        self._phones[settings.phone] = phone
        return phone.address

    def _switch_off(self, request: Request, name: str) -> Iterator[None]:
        phone = self._phones.pop(name, None)
        if phone is not None:
            yield from phone.switch_off()
        self._channel.reply(request)

    def _place_call(self, command: protocol.PlaceCall) -> str:
        phone = self._phones.get(command.phone)
        if phone is None:
            raise Inconclusive(f"no phone {command.phone} is switched on")
        if command.call in self._calls or command.call in self._ended:
            raise Inconclusive(f"there was a call named {command.call} already")
        require_file_name(command.call)
        self._require_sip_uri(command.uri)
        if len(self._calls) >= self._limits.max_calls:
            raise Inconclusive(f"{len(self._calls)} calls are up, and this process takes no more at once")
        call = phone.place(command.call, command.uri, command.codecs, command.headers)
        self._calls[command.call] = call
        return call.call_id

    def _hang_up(self, command: protocol.HangUp) -> None:
        call = self._calls.get(command.call)
        # The far end may just have been quicker: its calls stay in the table until the sweep.
        if command.call not in self._ended and not (call is not None and call.ended):
            self._live(command.call).end(headers=command.headers)

    def _send_digits(self, command: protocol.SendDigits) -> None:
        call = self._live(command.call)
        try:
            call.dialler.add(command.digits, command.tone_ms, command.gap_ms)
        except ValueError as error:
            raise HarnessMisuse(str(error)) from error
        self._dial_one(call)

    def _transfer(self, command: protocol.Transfer) -> None:
        self._require_sip_uri(command.uri)
        self._live(command.call).transfer(command.uri)

    def _live(self, name: str) -> PhoneCall:
        call = self._calls.get(name)
        if call is not None and not call.ended:
            return call
        code = call.end_code if call is not None else self._ended.get(name)
        if code is None:
            raise Inconclusive(f"there is no call named {name}")
        raise Inconclusive(f"call {name} has ended already ({code})")

    def _require_sip_uri(self, uri: str) -> None:
        if self._shared.endpoint.utilVerifySipUri(uri) != 0:
            raise HarnessMisuse(f"{uri!r} is not a SIP URI (sip:user@host:port)")

    def _dial(self) -> None:
        for call in self._calls.values():
            try:
                self._dial_one(call)
            except pj.Error:
                # The stream went away (hold, end of the call) with digits left: there is nobody to hear.
                call.dialler.clear()

    @staticmethod
    def _dial_one(call: PhoneCall) -> None:
        press = call.dialler.due(monotonic())
        if press is not None:
            call.press(press)

    def _give_up(self) -> None:
        now = monotonic()
        for call in self._calls.values():
            # Refused when a stream or the call is just going away: nothing is lost, the next look comes.
            with contextlib.suppress(pj.Error):
                call.give_up_without_media(now)

    def _tell_of_security(self) -> None:
        for call in self._calls.values():
            # As above.
            with contextlib.suppress(pj.Error):
                call.tell_when_secured()

    def _step_tasks(self) -> None:
        for task in list(self._tasks):
            if next(task, self) is self:
                self._tasks.remove(task)

    def _sweep(self) -> None:
        """Let go of calls that ended, which must never happen inside their own callback."""
        for name in [name for name, call in self._calls.items() if call.ended]:
            call = self._calls.pop(name)
            self._ended[name] = call.end_code


def require_file_name(name: str) -> None:
    """Raise HarnessMisuse unless a phone's or call's name can name its recording."""
    if not _FILE_NAME.fullmatch(name):
        raise HarnessMisuse(f"{name!r} can't name a recording: use letters, digits and . _ + - only")


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())
