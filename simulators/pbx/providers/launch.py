"""Becomes the PBX: ``python launch.py [--guard] PARENT ROOT [--mount SOURCE PLACE] PROGRAM ARGUMENT…``.

PROGRAM is given by its whole path. SOURCE, a directory, is mounted at PLACE for the PBX alone; nothing of that is
left when it ends. ``--try-mount`` tells by its exit code whether this process may do so.

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
MOUNT = "--mount"
TRY_MOUNT = "--try-mount"
CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
_libc = ctypes.CDLL(None, use_errno=True)
TERMINATE_S = 3.0
"""How long a guarded program may take to end when asked."""
POLL_S = 0.02


def die_with(parent: int, number: int) -> None:
    """Have the kernel send this signal when the thread that started us ends; exec keeps this."""
    _libc.prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit("the harness ended before its PBX started")


def mount(source: str, place: str) -> None:
    """Mount a directory at another place, seen by this process and its children only."""
    own_mounts()
    _succeed(_libc.mount(source.encode(), place.encode(), None, MS_BIND, None), place)


def own_mounts() -> None:
    """Have mounts of one's own from now on."""
    _succeed(_libc.unshare(CLONE_NEWNS), "namespace of mounts")
    _succeed(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "/")


def _succeed(result: int, what: str) -> None:
    if result != 0:
        sys.exit(f"mounting {what}: {os.strerror(ctypes.get_errno())}")


def become(arguments: list[str]) -> NoReturn:
    """Replace this process by the program."""
    parent, root, *command = arguments
    if command[0] == MOUNT:
        _, source, place, *command = command
        mount(source, place)
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
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
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
    if sys.argv[1] == TRY_MOUNT:
        own_mounts()
        sys.exit()
    if sys.argv[1] == GUARD:
        guard(sys.argv[2:])
    become(sys.argv[1:])
