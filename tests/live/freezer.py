"""A pytest plugin that freezes the customers' phones while a step is listened for: as a machine does that is too busy.

``FREEZER_TIMES`` in the environment says in how many of the scenario's plays.
"""

from __future__ import annotations

import os
import signal
from threading import Timer
from typing import Any

import pytest

STEP = "hears the whole greeting"
BEGINS_AFTER_S = 0.4
LASTS_S = 0.7
_left = int(os.environ.get("FREEZER_TIMES", "0"))


@pytest.hookimpl(tryfirst=True)
def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Any) -> None:
    global _left
    if STEP not in step.name or not _left:
        return
    _left -= 1
    pid = request.getfixturevalue("scene").testbed.customers.pid
    for after_s, what in ((BEGINS_AFTER_S, signal.SIGSTOP), (BEGINS_AFTER_S + LASTS_S, signal.SIGCONT)):
        timer = Timer(after_s, os.kill, (pid, what))
        timer.daemon = True
        timer.start()
