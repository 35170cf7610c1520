"""Becomes Asterisk: ``python launch.py PARENT ROOT PROGRAM ARGUMENT…`` (PROGRAM by its whole path).

Between fork and exec of the harness's child there must be a step that ties the PBX to the harness's life
and enters the root. Standard library only: it runs isolated, without the project.
"""

import contextlib
import ctypes
import os
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
CALLS_PRIORITY = 1


def become(arguments: list[str]) -> NoReturn:
    """Replace this process by the program."""
    parent, root, *command = arguments
    # The kernel ends the PBX together with the thread that started it; exec keeps this.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the harness ended before its PBX started")
    # A PBX has a machine of its own: what else runs here must not make it late. Needs root, or is left out.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(CALLS_PRIORITY))
    if root != "/":
        os.chroot(root)
    os.chdir("/")
    os.execv(command[0], command)


if __name__ == "__main__":
    become(sys.argv[1:])
