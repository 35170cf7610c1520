"""The command line and the pytest plugin."""

from __future__ import annotations

import os

# Before numpy is imported anywhere: the arrays here are small, and BLAS threads that spin on the second core
# take it from the calls.
for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
