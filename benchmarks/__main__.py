"""All benchmarks, one after the other: ``python -m benchmarks``."""

from __future__ import annotations

from benchmarks import audio_detectors, inbound_feature, ledger

if __name__ == "__main__":
    audio_detectors.main()
    ledger.main()
    inbound_feature.main()
