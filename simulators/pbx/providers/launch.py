"""Becomes the PBX: ``python launch.py [--guard] PARENT ROOT PROGRAM ARGUMENT…`` (PROGRAM by its whole path).

Between fork and exec of the harness's child there must be a step that ties the PBX to the harness's life
and enters the root. Standard library only: it runs isolated, without the project.
"""

import contextlib
import ctypes
import os
import signal
import sys
from time import monotonic, sleep
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PBX_PRIORITY = 2
"""Real-time, above trunkproof's own processes: a PBX has a machine of its own."""
GUARD = "--guard"
TERMINATE_S = 3.0
"""How long a guarded program may take to end when asked."""
POLL_S = 0.02


def die_with(parent: int, number: int) -> None:
    """Have the kernel send this signal when the thread that started us ends; exec keeps this."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit("the harness ended before its PBX started")


def become(arguments: list[str]) -> NoReturn:
    """Replace this process by the program."""
    parent, root, *command = arguments
    die_with(int(parent), signal.SIGKILL)
    # What else runs here must not make the PBX late. Needs root, or is left out.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PBX_PRIORITY))
    if root != "/":
        os.chroot(root)
    os.chdir("/")
    os.execv(command[0], command)


def guard(arguments: list[str]) -> NoReturn:
    """Run the program as a child, and end it with all that it has forked when it or the harness ends.

    The kernel would end the child alone, not what the child has forked. SIGTERM asks the program to end, SIGINT
    ends it at once as a crash would.
    """
    parent, *rest = arguments
    wanted: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: wanted.append(received))
    me = os.getpid()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        become([str(me), *rest])
    with contextlib.suppress(OSError):
        # Both do it, so that it is done whoever comes first.
        os.setpgid(child, child)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        wanted.append(signal.SIGINT)
    deadline = 0.0
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if signal.SIGINT in wanted or (deadline and monotonic() >= deadline):
            os.killpg(child, signal.SIGKILL)
        elif wanted and not deadline:
            deadline = monotonic() + TERMINATE_S
            os.kill(child, signal.SIGTERM)
        sleep(POLL_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    sys.exit(os.waitstatus_to_exitcode(status) and 1)


if __name__ == "__main__":
    if sys.argv[1] == GUARD:
        guard(sys.argv[2:])
    become(sys.argv[1:])
