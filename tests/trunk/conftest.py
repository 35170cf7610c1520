"""Fixtures of the trunk's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_platform import FakePlatform
from tls_peer import NAME, TRUNK_NAME, TlsPeer
from trunk_rig import PBX, TRUNK, Rig, RigMaker

from harness.certificates import Authority, Certificate, make_authority


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[RigMaker]:
    """Makes trunks, each in a process of its own, with peers on both sides."""
    maker = RigMaker(tmp_path)
    yield maker
    maker.close()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority()


@pytest.fixture
def tls_rig(rig: RigMaker, tmp_path: Path, authority: Authority) -> Callable[..., Rig]:
    """A rig on TLS whose PBX shows a certificate; without one the PBX's own is as it should be."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    trunk = authority.issue(TRUNK_NAME, hosts=[TRUNK_NAME, TRUNK]).write(tmp_path, "trunk")

    def make(certificate: Certificate | None = None, changes: str = "", **keywords) -> Rig:
        shown = certificate or authority.issue(NAME, hosts=[NAME])
        demands = str(ca) if keywords.pop("demands", False) else ""
        pbx = keywords.pop("pbx", None) or TlsPeer(PBX, shown.write(tmp_path, "pbx"), demands=demands)
        return rig(
            f'tls.refused_alpn = ["sip"]\n{changes}',
            pbx=pbx,
            pbx_transport="tls",
            business_hostname=NAME,
            tls_ca=str(ca),
            tls_certificate=str(trunk.certificate),
            tls_key=str(trunk.key),
            **keywords,
        )

    return make


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    """WhatsApp's platform; ``rig(policy_socket=str(platform.path))`` asks it."""
    # Paths of Unix sockets are short; pytest's own directories can be too deep.
    with tempfile.TemporaryDirectory() as directory:
        fake = FakePlatform(Path(directory) / "platform")
        yield fake
        fake.die()
