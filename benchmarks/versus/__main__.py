"""``python -m benchmarks.versus [--short] [--only NAME ...] [--out DIR] [--write DOCUMENT]``."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.versus import report
from benchmarks.versus.bench import FULL, NAMES, SHORT, Bench
from bootstrap.errors import BootstrapError
from harness.errors import TrunkproofError

OUT = Path("out/benchmarks")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus", description="Light phones, SIPp and pjsua2.")
    parser.add_argument("--short", action="store_true", help="few calls, seconds: whether it works, not how fast")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=OUT, help=f"where versus.json and versus.md go, {OUT}")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="put the tables into this document too")
    options = parser.parse_args()
    # A terminated run ends what it started, as an interrupted one does; a shell's background job ignores SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="trunkproof-versus-") as directory:
            results = Bench(SHORT if options.short else FULL, tuple(options.only), Path(directory)).run()
        print(f"\n{report.markdown(results)}")
        for file in report.write(results, options.out):
            print(file)
        if options.write is not None:
            report.write_into(options.write, report.markdown(results))
            print(options.write)
    except (BootstrapError, TrunkproofError) as why:
        print(why, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
