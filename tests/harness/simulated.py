"""A tiny simulator for tests of the process plumbing."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from harness.child import Channel, is_stop
from harness.messages import Command, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo(Command):
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Die(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Event):
    text: str


def run(channel: Channel, config: str) -> None:
    if config == "port in use":
        raise OSError("127.0.0.10:5060 is in use")
    if config == "silent":
        signal.pause()
    channel.ready()
    while True:
        request = channel.receive(10.0)
        if request is None or is_stop(request.command):
            return
        if isinstance(request.command, Die):
            os.kill(os.getpid(), signal.SIGKILL)
        if isinstance(request.command, Echo):
            if request.command.text == "refuse":
                channel.refuse(request, "no such phone")
            else:
                channel.emit(Heard(text=request.command.text))
                channel.reply(request, request.command.text)
