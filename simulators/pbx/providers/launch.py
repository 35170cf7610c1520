"""Becomes Asterisk: ``python launch.py PARENT ROOT PROGRAM ARGUMENT…`` (PROGRAM by its whole path).

Between fork and exec of the harness's child there must be a step that ties the PBX to the harness's life
and enters the root. Standard library only: it runs isolated, without the project.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Does not return when all goes well."""
    parent, root, *command = arguments
    # The kernel ends the PBX together with the thread that started it; exec keeps this.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        return 1
    if root != "/":
        os.chroot(root)
    os.chdir("/")
    os.execv(command[0], command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
