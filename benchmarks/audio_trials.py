"""What each audio detector is tried on: sounds in which it must find something, and sounds in which it must not."""

from __future__ import annotations

from benchmarks.audio_recording_trials import try_channels, try_leaks
from benchmarks.audio_speech_trials import try_echo, try_music, try_order, try_prompts, try_voice_cross_talk, try_voices
from benchmarks.audio_tone_trials import (
    try_beacon_cross_talk,
    try_beacons,
    try_dtmf,
    try_one_way,
    try_onsets,
    try_residue,
)
from benchmarks.audio_trial import Trial

TRIALS = (
    Trial("prompt", "Speech", "each prompt after ringback; all other prompts", try_prompts),
    Trial("hold music", "Speech", "10 s from anywhere in the loop; the prompts", try_music),
    Trial("voice in mono", "Speech", "customer and agent in turns; somebody else", try_voices),
    Trial("order", "Speech", "voice 2 s before the notice's end; 0.5 s after it", try_order),
    Trial("echo", "Speech", "15 dB down, alone and under the other's voice; other voices", try_echo),
    Trial("voice cross-talk", "Speech", "a voice 12 dB below the peer's; one that is not there", try_voice_cross_talk),
    Trial("beacon", "Tones", "5 s without a gap of 0.2 s; a stranger imagined beside it", try_beacons),
    Trial("beacon cross-talk", "Tones", "the neighbour's beacon 28 dB down; none", try_beacon_cross_talk),
    Trial("one-way", "Tones", "3 s of one direction missing; none missing", try_one_way),
    Trial("onset", "Tones", "distance of two onsets 60 ms too long; taken for right", try_onsets),
    Trial("DTMF", "Tones", "each key twice, 100 ms; speech and music", try_dtmf),
    Trial("DTMF traces", "Tones", "a card's digits at -30 and -50 dBov; noise", try_residue),
    Trial("channel swap", "Recordings", "channels swapped halfway; not swapped", try_channels),
    Trial("channel leak", "Recordings", "26 dB below the voice; none", try_leaks),
)
"""Every detector with hits first, what must not alarm it after the semicolon."""
