"""A generator on pjsua2, in a process of its own, as lean as pjsua2 can be: no log, no recordings, a bridge at G.711's
own rate, and one player for all calls."""

from __future__ import annotations

import gc
import os
import resource
import wave
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import numpy as np
import pjsua2 as pj

from benchmarks.versus.protocol import (
    GIVE_UP_S,
    PTIME_MS,
    USER,
    EndTalk,
    GeneratorConfig,
    PlaceCalls,
    Placed,
    Talk,
    Talked,
)
from harness.child import Channel
from harness.errors import HarnessMisuse, Inconclusive
from harness.messages import Command, Stop
from simulators.phones.build import limits

RATE_HZ = 8000
JITTER_BUFFER_MS = 80
TICK_MS = 10
END_S = 10.0
"""How long calls with media may take to come up beyond their time, and all calls to end."""
UNDER_WAY_S = 0.2
TONE_HZ, TONE_S = 440, 2.0
CODEC = "PCMU/8000"


def run(channel: Channel, config: GeneratorConfig) -> None:
    """Serve commands until Stop. Raises Inconclusive when pjsua2 does not start."""
    if config.cores:
        os.sched_setaffinity(0, config.cores)
    with TemporaryDirectory(prefix="versus-pjsua2-") as directory:
        try:
            generator = _Generator(channel, config, Path(directory))
        except pj.Error as error:
            raise Inconclusive(f"pjsua2 does not start: {error.reason}") from error
        try:
            channel.ready()
            generator.serve()
        finally:
            generator.close()


class _Call(pj.Call):
    """``code`` is 0 until the call has ended."""

    def __init__(self, generator: _Generator, ends_at_once: bool) -> None:
        super().__init__(generator.account)
        self._generator = generator
        self._ends_at_once = ends_at_once
        self.code = 0
        self.answered = False
        self.report: tuple[int, int, int, int] | None = None
        """Packets sent, received, lost, discarded."""

    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.answered = True
            self._generator.pending -= 1
            if self._ends_at_once:
                self.hangup(pj.CallOpParam())
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._generator.pending -= not self.answered
            self.code = int(info.lastStatusCode)
            self._generator.ended(self)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        if not self._ends_at_once and self.hasMedia():
            self._generator.player.startTransmit(self.getAudioMedia(-1))

    def onStreamDestroyed(self, prm: pj.OnStreamDestroyedParam) -> None:  # noqa: N802
        statistics = self.getStreamStat(prm.streamIdx).rtcp
        received, sent = statistics.rxStat, statistics.txStat
        self.report = int(sent.pkt), int(received.pkt), int(received.loss), int(received.discard)


class _Generator:
    def __init__(self, channel: Channel, config: GeneratorConfig, directory: Path) -> None:
        self._channel = channel
        allow_files()
        self._most = limits().max_calls
        self.calls: set[_Call] = set()
        self.pending = 0
        self._over: list[_Call] = []
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        self._endpoint.libInit(_configuration(self._most))
        self._endpoint.audDevManager().setNullDev()
        for codec in self._endpoint.codecEnum2():
            self._endpoint.codecSetPriority(codec.codecId, 255 * codec.codecId.startswith(CODEC))
        transport = pj.TransportConfig()
        transport.boundAddress = config.address
        number = self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self._endpoint.libStart()
        self.account = pj.Account()
        self.account.create(_account(config.address, number))
        self.player = pj.AudioMediaPlayer()
        self.player.createPlayer(_tone(directory))

    def serve(self) -> None:
        while True:
            self._turn(TICK_MS)
            request = self._channel.receive()
            if request is None:
                continue
            if isinstance(request.command, Stop):
                return
            try:
                self._channel.reply(request, self._carry_out(request.command))
            except pj.Error as error:
                self._channel.refuse(request, " ".join(error.reason.split()))

    def close(self) -> None:
        """pjsua2's objects must be gone before the library is."""
        self.calls.clear()
        self._over.clear()
        del self.player, self.account
        gc.collect()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    def ended(self, call: _Call) -> None:
        # Not let go here: this is its own callback.
        self._over.append(call)

    def _carry_out(self, command: Command) -> object:
        if isinstance(command, PlaceCalls):
            return self._place(command)
        if isinstance(command, Talk):
            return self._begin_talk(command)
        if isinstance(command, EndTalk):
            return self._end_talk()
        raise HarnessMisuse(f"no generator knows {type(command).__name__}")

    def _turn(self, wait_ms: int) -> None:
        self._endpoint.libHandleEvents(wait_ms)
        for call in self._over:
            self.calls.discard(call)
        self._over.clear()

    def _place(self, command: PlaceCalls) -> Placed:
        parameters = _parameters(audio=command.audio)
        all_calls: list[_Call] = []
        began = monotonic()
        deadline = began + command.calls / command.rate + GIVE_UP_S
        refused = 0
        while (now := monotonic()) < deadline and (len(all_calls) + refused < command.calls or self.calls):
            due = min(command.calls, int((now - began) * command.rate) + 1)
            while len(all_calls) + refused < due:
                call = self._dial(command.remote.uri, parameters, ends_at_once=True)
                if call is None:
                    refused += 1
                else:
                    all_calls.append(call)
            self._turn(self._until(began + (len(all_calls) + refused) / command.rate))
        took = monotonic() - began
        completed = sum(call.answered and call.code == 200 for call in all_calls)
        self._drop_all()
        return Placed(
            calls=command.calls,
            completed=completed,
            failed=command.calls - completed,
            retransmissions=None,
            took_s=took,
        )

    def _begin_talk(self, command: Talk) -> int:
        parameters = _parameters(audio=True)
        began = monotonic()
        deadline = began + command.calls / command.rate + END_S
        placed = 0
        while monotonic() < deadline and (placed < command.calls or self.pending):
            while placed < min(command.calls, int((monotonic() - began) * command.rate) + 1):
                self._dial(command.remote.uri, parameters, ends_at_once=False)
                placed += 1
            self._turn(self._until(began + placed / command.rate))
        return sum(call.answered for call in self.calls)

    def _end_talk(self) -> Talked:
        calls = [call for call in self.calls if call.answered]
        for call in calls:
            self.player.stopTransmit(call.getAudioMedia(-1))
        self._turn_for(UNDER_WAY_S)
        self._drop_all()
        reports = [call.report for call in calls if call.report is not None]
        sent, returned, lost, late = (sum(column) for column in zip(*reports, strict=True)) if reports else (0, 0, 0, 0)
        return Talked(calls=len(calls), sent=sent, returned=returned, lost=lost, late=late, verified=None)

    def _dial(self, uri: str, parameters: pj.CallOpParam, *, ends_at_once: bool) -> _Call | None:
        """None when pjsua2 has no room for another call."""
        call = _Call(self, ends_at_once)
        try:
            call.makeCall(uri, parameters)
        except pj.Error:
            return None
        self.calls.add(call)
        self.pending += 1
        return call

    def _drop_all(self) -> None:
        if self.calls:
            self._endpoint.hangupAllCalls()
        deadline = monotonic() + END_S
        while self.calls and monotonic() < deadline:
            self._turn(TICK_MS)
        self.calls.clear()
        self.pending = 0

    @staticmethod
    def _until(due: float) -> int:
        """How long events may be waited for, in ms."""
        return max(0, min(TICK_MS, int((due - monotonic()) * 1000)))

    def _turn_for(self, seconds: float) -> None:
        until = monotonic() + seconds
        while monotonic() < until:
            self._turn(TICK_MS)


def allow_files() -> None:
    """Each call has two sockets: take as many open files as this process may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _configuration(most: int) -> pj.EpConfig:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = most
    config.logConfig.level = config.logConfig.consoleLevel = config.logConfig.msgLogging = 0
    media = config.medConfig
    media.clockRate = media.sndClockRate = RATE_HZ
    media.channelCount = 1
    media.audioFramePtime = media.ptime = PTIME_MS
    media.quality = 1
    media.noVad = True
    media.ecTailLen = 0
    media.sndAutoCloseTime = -1
    media.maxMediaPorts = 2 * most + 16
    media.jbInit = media.jbMinPre = media.jbMaxPre = JITTER_BUFFER_MS
    return config


def _account(address: str, transport: int) -> pj.AccountConfig:
    config = pj.AccountConfig()
    config.idUri = f"sip:{USER}@{address}"
    config.sipConfig.transportId = transport
    config.natConfig.iceEnabled = False
    config.natConfig.contactRewriteUse = config.natConfig.viaRewriteUse = config.natConfig.sdpNatRewriteUse = 0
    config.natConfig.sipOutboundUse = config.natConfig.udpKaIntervalSec = 0
    media = config.mediaConfig
    media.transportConfig.boundAddress = address
    media.transportConfig.port = 0
    media.srtpUse = pj.PJMEDIA_SRTP_DISABLED
    media.lockCodecEnabled = False
    media.streamKaEnabled = False
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
    config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
    return config


def _parameters(*, audio: bool) -> pj.CallOpParam:
    parameters = pj.CallOpParam(True)
    parameters.opt.audioCount = int(audio)
    parameters.opt.videoCount = 0
    if hasattr(parameters.opt, "textCount"):
        parameters.opt.textCount = 0
    return parameters


def _tone(directory: Path) -> str:
    """A WAV of a tone at G.711's rate."""
    path = directory / "tone.wav"
    at = np.arange(int(RATE_HZ * TONE_S)) / RATE_HZ
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE_HZ)
        wav.writeframes((8000 * np.sin(2 * np.pi * TONE_HZ * at)).astype("<i2").tobytes())
    return str(path)
