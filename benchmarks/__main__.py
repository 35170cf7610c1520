"""All benchmarks, one after the other: ``python -m benchmarks``."""

from __future__ import annotations

from benchmarks import audio_detectors, inbound_feature, ledger
from benchmarks.versus import __main__ as versus

if __name__ == "__main__":
    audio_detectors.main()
    ledger.main()
    inbound_feature.main()
    versus.main()
