"""A network of a run's own: a network namespace with nothing but loopback, and test addresses on that.

ICE makes no candidates of 127.0.0.0/8 (pjnath, Asterisk), so a PBX and phones on one machine need other addresses,
which no real network must see: those of RFC 2544. The namespace is the process's and its children's, and the kernel
takes it away with the last of them, however they end.

As a program, ``python own_network.py PROGRAM ARGUMENT…`` makes the namespace and becomes the program in it. It must be
a program of its own, since a process with threads cannot enter a user namespace. Standard library only.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path
from typing import NoReturn

OWN_NETWORK = "198.18.0.0/16"
"""RFC 2544 and RFC 6890: for tests, on no real network."""
OWN_PREFIX = "198.18"
OWN_ADDRESS = "198.18.0.1"
"""The one that the interface has; on loopback all others of the network are this machine's as well."""

_NETMASK = "255.255.0.0"
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
# netdevice(7)
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
_IFF_UP = 0x1
_MISUSE = 2


def is_here() -> bool:
    """Whether this machine, or the namespace that this process is in, has the addresses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((OWN_ADDRESS, 0))
        except OSError:
            return False
    return True


def make() -> None:
    """Put this process, which must have no second thread, into such a network. Raises OSError where the kernel allows
    it to nobody, or only to root."""
    uid, gid = os.getuid(), os.getgid()
    if os.geteuid() == 0:
        _unshare(_CLONE_NEWNET)
    else:
        # A user who owns the namespace may set up its network, and stays who they are.
        _unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        _set_flag_up(any_socket, "lo")
        _set_address(any_socket, "lo:0", _SIOCSIFADDR, OWN_ADDRESS)
        _set_address(any_socket, "lo:0", _SIOCSIFNETMASK, _NETMASK)


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _set_flag_up(any_socket: socket.socket, interface: str) -> None:
    request = struct.pack("16sh14x", interface.encode(), 0)
    flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
    fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", interface.encode(), flags | _IFF_UP))


def _set_address(any_socket: socket.socket, interface: str, what: int, address: str) -> None:
    place = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
    fcntl.ioctl(any_socket, what, struct.pack("16s16s", interface.encode(), place))


def main(command: list[str]) -> NoReturn:
    """Become ``command`` in the network. Exit status 2 and one line where there can be none."""
    try:
        make()
    except OSError as refused:
        print(
            f"trunkproof: ICE needs a network namespace, and the kernel gives none ({refused.strerror or refused}): "
            f"run it as root, or put the addresses on loopback ('ip address add {OWN_ADDRESS}/16 dev lo')",
            file=sys.stderr,
        )
        sys.exit(_MISUSE)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
