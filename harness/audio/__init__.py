"""What can be told from sound alone: tones, known prompts, levels, estimated quality.

Everything here is a pure function of samples (or a listener that is fed samples) and knows no clock;
only ``harness.audio.wav`` touches files. Times are seconds from the first sample, levels are dBov.
"""
