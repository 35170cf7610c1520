"""Two real phones in one real process on loopback, and what tests do with them."""

import time
import wave
from itertools import count
from pathlib import Path

import numpy as np

from harness.process import Simulator
from simulators.phones.protocol import (
    Answer,
    CallConnected,
    CallEnded,
    CallIncoming,
    Codecs,
    MediaActive,
    PhonesConfig,
    PhoneSettings,
    PlaceCall,
    SwitchOn,
)

ENTRY = "simulators.phones.process:run"
CALLER_HZ, CALLEE_HZ = 440, 1000
DISPLAY_NAME = 'Zoë "Ω" 🌸 שלום 花子'
NUMBER = "+34600111222"
DEADLINE_S = 10.0
names = count()


def write_tone(path, frequency_hz, rate_hz):
    times = np.arange(2 * rate_hz) / rate_hz
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes((9000 * np.sin(2 * np.pi * frequency_hz * times)).astype("<i2").tobytes())
    return str(path)


def strongest_hz(path, start_s=0.0):
    with wave.open(path, "rb") as wav:
        rate = wav.getframerate()
        samples = np.frombuffer(wav.readframes(wav.getnframes()), dtype="<i2").astype(float)
    samples = samples[int(start_s * rate) :]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def await_audio(path, seconds):
    """Wait until the growing recording holds so much audio."""
    wanted = 44 + int(seconds * 16000) * 2
    deadline = time.monotonic() + DEADLINE_S
    while Path(path).stat().st_size < wanted:
        assert time.monotonic() < deadline, f"{path} does not grow"
        time.sleep(0.01)


class TwoPhones:
    """A process with the phones ``caller`` and ``callee``, and what tests do with them."""

    def __init__(self, directory):
        self.directory = directory
        self.simulator = Simulator(
            "phones",
            ENTRY,
            PhonesConfig(name="phones", directory=str(directory / "run"), max_calls=64),
            log=directory / "log.txt",
        )
        try:
            self.simulator.ready()
            self.caller = self.switch_on("caller", "127.0.11.1", NUMBER, CALLER_HZ, 16000, DISPLAY_NAME)
            self.callee = self.switch_on("callee", "127.0.11.2", "1001", CALLEE_HZ, 8000)
            self.codecs = self.simulator.call(Codecs())
        except BaseException:
            self.simulator.stop()
            raise

    def switch_on(self, phone, address, user, frequency_hz, rate_hz, display_name=""):
        wav = write_tone(self.directory / f"{phone}.wav", frequency_hz, rate_hz)
        settings = PhoneSettings(
            phone=phone,
            address=address,
            user=user,
            domain="phones.example",
            display_name=display_name,
            plays=wav,
        )
        return self.simulator.call(SwitchOn(settings=settings))

    def ring(self, codecs=(), headers=()):
        """Place a call; returns its name at both ends and the place of its events."""
        since, outgoing = self.simulator.mark(), f"out-{next(names)}"
        call_id = self.simulator.call(
            PlaceCall(
                phone="caller",
                call=outgoing,
                uri=f"sip:1001@{self.callee}",
                codecs=codecs,
                headers=headers,
            )
        )
        incoming = self.wait(CallIncoming, since, call_id=call_id)
        return outgoing, incoming.call, since

    def connect(self, codecs=()):
        outgoing, incoming, since = self.ring(codecs)
        self.simulator.call(Answer(call=incoming))
        for call in (outgoing, incoming):
            self.wait(CallConnected, since, call=call)
            self.wait(MediaActive, since, call=call)
        return outgoing, incoming, since

    def wait(self, kind, since, **values):
        return self.simulator.wait_for(
            kind,
            lambda event: all(getattr(event, name) == value for name, value in values.items()),
            timeout_s=DEADLINE_S,
            since=since,
        )

    def ends(self, outgoing, incoming, since):
        return self.wait(CallEnded, since, call=outgoing), self.wait(CallEnded, since, call=incoming)
