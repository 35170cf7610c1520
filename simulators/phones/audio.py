"""Audio into and out of calls: the WAVs that phones play and the recordings of what they hear."""

from __future__ import annotations

import math
import wave
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pjsua2 as pj

from harness.errors import HarnessMisuse
from simulators.phones.endpoint import BRIDGE_RATE_HZ, FRAME_MS

RATES_HZ = (8000, 16000, 24000, 32000, 48000)
WAV_HEADER_BYTES = 44

_FRAME_S = FRAME_MS / 1000


def check_wav(path: str) -> None:
    """Raise HarnessMisuse unless ``path`` is complete 16-bit mono PCM at a rate that the bridge resamples."""
    try:
        size = Path(path).stat().st_size
        with wave.open(path, "rb") as wav:
            channels, width, rate = wav.getnchannels(), wav.getsampwidth(), wav.getframerate()
            frames = wav.getnframes()
            present = len(wav.readframes(frames)) // (channels * width)
    except FileNotFoundError:
        raise HarnessMisuse("no such file", where=path) from None
    except (wave.Error, EOFError, OSError, ValueError) as error:
        raise HarnessMisuse(f"not a PCM WAV ({error})", where=path) from error
    if channels != 1:
        raise HarnessMisuse(f"has {channels} channels, a phone plays mono", where=path)
    if width != 2:
        raise HarnessMisuse(f"has {width * 8}-bit samples, a phone plays 16-bit", where=path)
    if rate not in RATES_HZ:
        raise HarnessMisuse(f"is sampled at {rate} Hz, a phone plays one of {RATES_HZ}", where=path)
    if present < frames:
        raise HarnessMisuse(f"is truncated ({present} of {frames} samples, {size} bytes)", where=path)
    if frames < rate * FRAME_MS // 1000:
        raise HarnessMisuse(f"is shorter than one frame of {FRAME_MS} ms", where=path)


def write_silence(path: Path, seconds: float = 1.0) -> None:
    """Write a WAV of zero samples at the bridge's rate."""
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(BRIDGE_RATE_HZ)
        wav.writeframes(np.zeros(int(BRIDGE_RATE_HZ * seconds), dtype="<i2").tobytes())


class BridgeClock:
    """Knows when the conference bridge ticks, so that sample 0 of a recording has a time.

    The bridge runs on a thread of its own on a fixed grid of 20 ms of CLOCK_MONOTONIC; connecting a
    recorder takes effect at the next tick. The grid is found by watching a recording grow: the WAV
    writer empties its buffer when the frame after a full buffer arrives, which is at a tick. In 60
    recordings within 10 s the time was 0.4 ms off on average and 4 ms at worst. pjmedia moves the grid
    only when it falls more than 500 ms behind; recordings after that have times up to 20 ms off.
    """

    _CLEAR_OF_TICK_S = 0.003
    _GLANCE_S = 0.0002

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._phase_s = 0.0

    def calibrate(self, silence: pj.AudioMediaPlayer, scratch: Path) -> None:
        """Find the grid. Takes about 0.15 s; raises OSError when nothing is recorded."""
        recorder = pj.AudioMediaRecorder()
        recorder.createRecorder(str(scratch))
        silence.startTransmit(recorder)
        deadline = monotonic() + 2.0
        while True:
            self._flush()
            now = monotonic()
            if scratch.stat().st_size > WAV_HEADER_BYTES:
                break
            if now > deadline:
                raise OSError(f"pjsua2 records nothing into {scratch}")
            sleep(self._GLANCE_S)
        silence.stopTransmit(recorder)
        del recorder
        scratch.unlink()
        self._phase_s = now % _FRAME_S

    def next_start(self) -> float:
        """The tick at which something connected right now starts; waits up to 6 ms to be clear of one."""
        while True:
            since_tick = (monotonic() - self._phase_s) % _FRAME_S
            if since_tick < self._CLEAR_OF_TICK_S:
                sleep(self._CLEAR_OF_TICK_S - since_tick)
            elif since_tick > _FRAME_S - self._CLEAR_OF_TICK_S:
                sleep(_FRAME_S - since_tick)
            else:
                break
        return (math.floor((monotonic() - self._phase_s) / _FRAME_S) + 1) * _FRAME_S + self._phase_s


class RetiredPlayers:
    """Keeps players alive for a moment after their last use.

    At each end of its file, also of one that loops, a player is called by pjmedia's event thread. If it is
    gone by then the process dies by signal 11, so it may go only when no such call can still be under way.
    """

    KEPT_S = 0.5

    def __init__(self) -> None:
        self._players: deque[tuple[float, pj.AudioMediaPlayer]] = deque()

    def add(self, player: pj.AudioMediaPlayer) -> None:
        """Take a player that nothing listens to any more."""
        self._players.append((monotonic() + self.KEPT_S, player))

    def let_go(self) -> None:
        """Drop those whose time has come."""
        now = monotonic()
        while self._players and self._players[0][0] <= now:
            self._players.popleft()


class CallAudio:
    """What one call plays and records.

    The silence player stays connected to the stream and to the recorder all along: RTP never stops, and
    the recording has a sample for each moment even while the stream is being replaced (hold, re-INVITE).
    The file grows by 120 ms at a time: pjmedia's writer has a buffer that its API can't make smaller.
    """

    def __init__(
        self, recording: Path, silence: pj.AudioMediaPlayer, clock: BridgeClock, retired: RetiredPlayers
    ) -> None:
        self.recording = recording
        self.started_at = 0.0
        self._silence = silence
        self._clock = clock
        self._retired = retired
        self._recorder: pj.AudioMediaRecorder | None = None
        self._player: pj.AudioMediaPlayer | None = None
        self._stream: pj.AudioMedia | None = None

    @property
    def recording_path(self) -> str:
        """The recording, empty when the call had no media."""
        return str(self.recording) if self.started_at else ""

    def attach(self, stream: pj.AudioMedia) -> None:
        """Connect a (new) stream of the call: record what it brings, send it what is played."""
        if self._recorder is None:
            self._recorder = pj.AudioMediaRecorder()
            self._recorder.createRecorder(str(self.recording))
            self.started_at = self._clock.next_start()
            self._silence.startTransmit(self._recorder)
        self._stream = stream
        stream.startTransmit(self._recorder)
        self._silence.startTransmit(stream)
        if self._player is not None:
            self._player.startTransmit(stream)

    def detach(self) -> None:
        """Forget the stream; pjsua2 removes it from the bridge itself."""
        self._stream = None

    def play(self, wav: str, loop: bool) -> None:
        """Play ``wav`` from its start, silence when empty. Raises HarnessMisuse or pjsua2.Error."""
        player = None
        if wav:
            check_wav(wav)
            player = pj.AudioMediaPlayer()
            player.createPlayer(wav, 0 if loop else pj.PJMEDIA_FILE_NO_LOOP)
        if self._stream is not None:
            if self._player is not None:
                self._player.stopTransmit(self._stream)
            if player is not None:
                player.startTransmit(self._stream)
        self._retire_player()
        self._player = player

    def close(self) -> None:
        """Have the bridge close the recording; ``complete`` tells when that is done."""
        self._stream = None
        self._retire_player()
        self._recorder = None

    def _retire_player(self) -> None:
        if self._player is not None:
            self._retired.add(self._player)
        self._player = None

    def complete(self) -> bool:
        """Whether the header tells the size of the samples, which the writer fills in last."""
        if not self.started_at:
            return True
        with self.recording.open("rb") as file:
            header = file.read(WAV_HEADER_BYTES)
        return int.from_bytes(header[WAV_HEADER_BYTES - 4 :], "little") > 0
