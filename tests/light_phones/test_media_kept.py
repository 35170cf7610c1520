"""Payloads that a stream keeps, and the sound that a phone would have played from them."""

from collections.abc import Container

import numpy as np
import pytest

from harness.audio.g711 import levels
from harness.errors import Inconclusive
from harness.load.records import Party
from simulators.light_phones.media.kept import PlayedSound, played
from simulators.light_phones.media.voices import FRAMES_PER_S, spoken
from simulators.light_phones.sdp import Codec
from tests.light_phones.media_streams import ROUND_NS, Hands, engine, settings


def kept(
    codec: Codec, packets: int, *, lost: Container[int] = (), late: Container[int] = (), rounds: int = 60
) -> bytes:
    """What the agent's stream keeps of the customer's voice."""
    with engine() as made:
        says = Hands(made, settings(codec, Party.CUSTOMER))
        hears = Hands(made, settings(codec, Party.AGENT))
        hears.stream.keep(packets)
        for number in range(1, rounds + 1):
            packet = says.make(number)
            if number not in lost:
                hears.feed(packet, number * ROUND_NS + (200_000_000 if number in late else 5_000_000))
        return hears.stream.close().kept


@pytest.mark.parametrize("codec", Codec)
def test_as_many_are_kept_as_were_wanted(codec: Codec) -> None:
    sound = played(kept(codec, 40), codec)
    assert (sound.frames, sound.concealed) == (40, 0)
    assert len(sound.samples) == 40 * sound.rate_hz // FRAMES_PER_S
    assert 0.005 < float(np.sqrt(np.mean(sound.samples**2))) < 0.5


def test_nothing_is_kept_unless_it_is_asked_for() -> None:
    with engine() as made:
        says, hears = (Hands(made, settings(Codec.PCMA, party)) for party in Party)
        hears.feed(says.make(1), ROUND_NS)
        assert hears.stream.close().kept == b""
    with pytest.raises(Inconclusive, match="no sound was kept"):
        played(b"", Codec.PCMA)


@pytest.mark.parametrize("codec", Codec)
def test_lost_ones_and_late_ones_are_concealed(codec: Codec) -> None:
    sound = played(kept(codec, 100, lost={10, 11}, late={30}), codec)
    assert (sound.frames, sound.concealed) == (60, 3)
    assert len(sound.samples) == 60 * sound.rate_hz // FRAMES_PER_S


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
def test_g711_is_what_was_said(codec: Codec) -> None:
    """But for what the stamps take, 30 dB below it, and the law's own rounding."""
    sound = played(kept(codec, 264, rounds=264), codec)
    said = spoken(Party.CUSTOMER, sound.rate_hz)
    assert len(said) == len(sound.samples)
    fits = max(snr_db(np.roll(said, shift), sound) for shift in frames_of(said, sound))
    assert fits > 28


def frames_of(said: np.ndarray, sound: PlayedSound) -> range:
    return range(0, len(said), sound.rate_hz // FRAMES_PER_S)


def snr_db(said: np.ndarray, sound: PlayedSound) -> float:
    return float(10 * np.log10(np.sum(said**2) / np.sum((said - sound.samples) ** 2)))


def test_levels_of_g711() -> None:
    """ITU-T G.711, tables 1a and 2a: the largest values, and the smallest."""
    mu, a = levels(Codec.PCMU), levels(Codec.PCMA)
    assert (mu[0x80], mu[0x00], mu[0xFF], mu[0x7F]) == (32124, -32124, 0, 0)
    assert (a[0xAA], a[0x2A], a[0xD5], a[0x55]) == (32256, -32256, 8, -8)


def test_what_is_no_opus_says_so() -> None:
    packet = b"\x00\x00\x00\x00\x00\x02\xff\xff"
    with pytest.raises(Inconclusive, match=r"no Opus|20 ms"):
        played(packet, Codec.OPUS)
