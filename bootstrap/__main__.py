"""``python3 -m bootstrap [--test]``: make this checkout ready to run. Exit status 0, or 2 with a reason."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

_OLDEST_PYTHON = (3, 11)


def main() -> int:
    """Parse the command line and set up the repository that this package lies in."""
    parser = argparse.ArgumentParser(prog="python3 -m bootstrap", description="Make this checkout ready to run.")
    parser.add_argument("--test", action="store_true", help="also install what the project's own tests need")
    options = parser.parse_args()
    if sys.version_info < _OLDEST_PYTHON:
        print(f"trunkproof needs Python 3.11 or newer, this is {sys.version.split()[0]}", file=sys.stderr)
        return 2

    from bootstrap.errors import BootstrapError
    from bootstrap.progress import Progress
    from bootstrap.setup import set_up

    # A terminated set-up shall end what it started, as an interrupted one does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with Progress() as progress:
            set_up(Path(__file__).resolve().parent.parent, test=options.test, progress=progress)
    except BootstrapError as error:
        print(f"\nset-up failed: {error.report()}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nset-up stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # A failed set-up may have a thread that still waits for another run's lock: don't wait with it.
    os._exit(status)
