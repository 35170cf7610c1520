"""What the harness costs beyond the calls themselves: the inbound feature, serial and four at a time.

Ratios of one run on one machine: wall time of the scenarios over the sum of their talk times, and the time per
scenario in which no call was up. ``python -m benchmarks.inbound_feature [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FEATURE = "features/inbound_support.feature"


def measure(workers: int, directory: Path) -> dict[str, Any]:
    """One run of the feature; figures from its summary and its own wall time."""
    run_directory = directory / f"n{workers}"
    command = ["run", FEATURE, "-n", str(workers), "--run-dir", str(run_directory)]
    done = subprocess.run(
        [sys.executable, "-m", "trunkproof.cli", *command], capture_output=True, text=True, timeout=900, check=False
    )
    if not (run_directory / "summary.json").is_file():
        sys.exit(f"the run with {workers} worker(s) left no summary (exit {done.returncode}):\n{done.stdout[-2000:]}")
    summary = json.loads((run_directory / "summary.json").read_text(encoding="utf-8"))
    ran = [s for s in summary["scenarios"] if s["verdict"] != "not_run"]
    records = [json.loads(path.read_text()) for path in run_directory.glob("evidence/*/scenario.json")]
    wall = max(r["started_wall"] + r["duration_s"] for r in records) - min(r["started_wall"] for r in records)
    talk = sum(s["talk_s"] for s in ran)
    beyond = [s["duration_s"] - s["talk_s"] for s in ran]
    return {
        "workers": workers,
        "verdict": summary["verdict"],
        "scenarios": len(ran),
        "talk_s": round(talk, 1),
        "wall_s": round(wall, 1),
        "wall_over_talk": round(wall / talk, 3),
        "beyond_talk_median_s": round(statistics.median(beyond), 3),
        "beyond_talk_max_s": round(max(beyond), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trunkproof-bench-") as directory:
        figures = [measure(workers, Path(directory)) for workers in (1, 4)]
    for row in figures:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    print(f"four at a time took {figures[1]['wall_s'] / figures[0]['wall_s']:.2f} of the serial time")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
