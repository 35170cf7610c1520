"""The one pjsua2 endpoint of a phones process: how it is configured, and what it offers.

Everything of pjsua2 that calls Python runs on the process's main thread: ``threadCnt`` 0 and
``mainThreadOnly`` make pjsua2 queue what its media threads have to say until ``handle_events``.
"""

from __future__ import annotations

import ctypes
import re
import select
from pathlib import Path
from time import monotonic, time

import pjsua2 as pj

from simulators.phones.protocol import Codec

BRIDGE_RATE_HZ = 16000
JITTER_BUFFER_MS = 80
FRAME_MS = 20

LOG_NAME = "pjsip.log"
LOG_SENDER = "trunkproof"

# Bits of pjlib's pj_log_decoration: year, month, day, time, microseconds (printed as ms), sender,
# newline, space and indentation. The date is what makes the log's local times unambiguous.
_LOG_DECORATION = 0x02 | 0x04 | 0x08 | 0x10 | 0x20 | 0x40 | 0x80 | 0x200 | 0x4000

# pjmedia reckons RTCP jitter at this rate, and RTP runs at 48000 Hz whatever Opus is told (RFC 7587).
# The audio itself stays wideband: the bridge has 16 kHz, and ``sdp`` says so to the far end.
_OPUS_RATE_HZ = 48000
_OPUS_BIT_RATE = 20000

# PJMEDIA_JB_DISCARD_NONE of pjmedia_jb_discard_algo; the published wheel does not name it.
_JB_DISCARD_NONE = 0

_CODEC_IDS = {Codec.OPUS: "opus/", Codec.PCMU: "PCMU/", Codec.PCMA: "PCMA/", Codec.G722: "G722/"}
_HIGHEST_PRIORITY = 255

# Ports of the conference bridge that a call needs: its stream, its recorder, its player and one to spare
# for a player that is being replaced.
_BRIDGE_PORTS_PER_CALL = 4
_BRIDGE_PORTS_IN_COMMON = 16


class PhoneEndpoint(pj.Endpoint):
    """pjsua2's endpoint. ``accounts`` maps the ``ip:port`` of a phone to its pjsua account number."""

    def __init__(self, directory: Path, max_calls: int) -> None:
        super().__init__()
        self.accounts: dict[str, int] = {}
        self.codecs_of_account: dict[int, tuple[Codec, ...]] = {}
        self._preferred: tuple[Codec, ...] | None = None
        self._libc = ctypes.CDLL(None)
        self.libCreate()
        self.libInit(_configuration(directory, max_calls))
        # Instead of a sound device: a clock thread in C that drives the bridge every 20 ms.
        self.audDevManager().setNullDev()
        self._codec_ids = self._installed_codecs()
        self._configure_opus()
        self.libStart()
        self._event_descriptor = self._epoll_descriptor()
        self.write_clock_anchor()

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """The codecs of a trunk that this build of pjsua2 has."""
        return tuple(self._codec_ids)

    @property
    def event_descriptor(self) -> int | None:
        """A descriptor that is readable when SIP events wait, None when this pjsua2 does not tell it."""
        return self._event_descriptor

    def prefer(self, codecs: tuple[Codec, ...]) -> None:
        """Offer and accept these codecs only, in this order, in the next SDP that is made.

        Priorities belong to the whole endpoint, so this comes right before whatever makes an SDP.
        """
        if codecs == self._preferred:
            return
        for codec, identifier in self._codec_ids.items():
            rank = codecs.index(codec) if codec in codecs else None
            self.codecSetPriority(identifier, 0 if rank is None else _HIGHEST_PRIORITY - rank)
        self._preferred = codecs

    def handle_events(self, timeout_ms: int) -> int:
        """Let pjsua2 work; returns how many events it handled."""
        return int(self.libHandleEvents(timeout_ms))

    def flush_files(self) -> None:
        """Have what pjsua2 wrote to its log and recordings reach the files.

        pjlib writes through C's stdio, whose 4096 bytes would hold back 128 ms of audio.
        """
        self._libc.fflush(None)

    def write_clock_anchor(self) -> None:
        """Note in the SIP log which monotonic time belongs to which wall time (see ``sip_log``)."""
        self.note(f"clock wall={time():.6f} monotonic={monotonic():.6f}")

    def note(self, text: str) -> None:
        """Write one line of ours to the SIP log."""
        self.utilLogWrite(1, LOG_SENDER, text)

    def onSelectAccount(self, prm: pj.OnSelectAccountParam) -> None:
        """Called for each incoming request before any answer or SDP is made.

        Two phones may have the same number, so the address in the Request-URI decides; pjsua2 would go
        by the number alone. It is also the last moment at which codec priorities reach the answer.
        """
        address = request_address(prm.rdata.wholeMsg)
        account = self.accounts.get(address, prm.accountIndex)
        prm.accountIndex = account
        if account in self.codecs_of_account:
            self.prefer(self.codecs_of_account[account])

    def _installed_codecs(self) -> dict[Codec, str]:
        found: dict[Codec, str] = {}
        for info in self.codecEnum2():
            self.codecSetPriority(info.codecId, 0)
            for codec, prefix in _CODEC_IDS.items():
                if info.codecId.startswith(prefix):
                    found[codec] = info.codecId
        return found

    def _configure_opus(self) -> None:
        identifier = self._codec_ids.get(Codec.OPUS)
        if identifier is None:
            return
        opus = self.getCodecOpusConfig()
        opus.sample_rate = _OPUS_RATE_HZ
        opus.channel_cnt = 1
        opus.bit_rate = _OPUS_BIT_RATE
        opus.frm_ptime = FRAME_MS
        opus.frm_ptime_denum = 1
        self.setCodecOpusConfig(opus)
        parameters = self.codecGetParam(identifier)
        parameters.setting.vad = False
        # pjmedia ties in-band FEC to packet loss concealment.
        parameters.setting.plc = True
        self.codecSetParam(identifier, parameters)

    def _epoll_descriptor(self) -> int | None:
        """pjlib's epoll descriptor: ``libGetSipIoqueueHandle`` gives a pointer to it, in newer versions."""
        get_handle = getattr(self, "libGetSipIoqueueHandle", None)
        pointer = get_handle() if get_handle is not None else None
        if not pointer:
            return None
        descriptor = ctypes.c_int.from_address(int(pointer)).value
        try:
            kind = Path(f"/proc/self/fd/{descriptor}").readlink()
        except OSError:
            return None
        return descriptor if str(kind) == "anon_inode:[eventpoll]" else None


def _configuration(directory: Path, max_calls: int) -> pj.EpConfig:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = max_calls
    config.uaConfig.userAgent = "trunkproof phones"
    config.logConfig.level = 5
    config.logConfig.consoleLevel = 0
    config.logConfig.msgLogging = 1
    config.logConfig.decor = _LOG_DECORATION
    config.logConfig.filename = str(directory / LOG_NAME)
    media = config.medConfig
    media.clockRate = BRIDGE_RATE_HZ
    media.sndClockRate = BRIDGE_RATE_HZ
    media.channelCount = 1
    media.audioFramePtime = FRAME_MS
    # 4 takes the small resampling filter: with the large one G.711 costs twice as much as Opus.
    media.quality = 4
    media.ptime = FRAME_MS
    media.noVad = True
    media.ecTailLen = 0
    media.sndAutoCloseTime = -1
    media.maxMediaPorts = max_calls * _BRIDGE_PORTS_PER_CALL + _BRIDGE_PORTS_IN_COMMON
    # A buffer that does not adapt: one that does puts in and takes out packets, and what is heard would no
    # longer be what was sent. Its length is enough for the scheduling jitter of a busy machine.
    media.jbInit = media.jbMinPre = media.jbMaxPre = JITTER_BUFFER_MS
    media.jbMax = 400
    _discard_nothing(media)
    return config


def _discard_nothing(media: pj.MediaConfig) -> None:
    """Have the jitter buffer throw no packet away to get shorter.

    The published wheel has no Python type for this choice: it gives and takes a pointer to a copy of it.
    """
    choice = media.jbDiscardAlgo
    if isinstance(choice, int):
        media.jbDiscardAlgo = _JB_DISCARD_NONE
        return
    ctypes.c_int.from_address(int(choice)).value = _JB_DISCARD_NONE
    media.jbDiscardAlgo = choice


_REQUEST_HOST = re.compile(r"^\S+ sips?:(?:[^@\s]*@)?(?P<host>\[[^\]]+\]|[^:;?>\s]+)(?::(?P<port>\d+))?")


def request_address(message: str) -> str:
    """``host:port`` of the Request-URI, port 5060 when it has none; empty when it is no SIP URI."""
    match = _REQUEST_HOST.match(message)
    return f"{match['host']}:{match['port'] or 5060}" if match else ""


class Waiter:
    """Waits until a command or a SIP event is there, or for one tick of pjsua2's timers."""

    TICK_MS = 20
    BRISK_TICK_MS = 2
    # Without pjlib's descriptor the wait happens inside pjsua2, where a command cannot end it.
    BLIND_TICK_MS = 8

    def __init__(self, endpoint: PhoneEndpoint, command_descriptor: int) -> None:
        self._endpoint = endpoint
        self._poll = select.poll()
        self._poll.register(command_descriptor, select.POLLIN)
        self._blind = endpoint.event_descriptor is None
        if endpoint.event_descriptor is not None:
            self._poll.register(endpoint.event_descriptor, select.POLLIN)

    def wait(self, *, brisk: bool) -> int:
        """Wait and let pjsua2 work; returns how many events it handled. ``brisk``: something is awaited."""
        if self._blind:
            return self._endpoint.handle_events(self.BRISK_TICK_MS if brisk else self.BLIND_TICK_MS)
        self._poll.poll(self.BRISK_TICK_MS if brisk else self.TICK_MS)
        return self._endpoint.handle_events(0)
