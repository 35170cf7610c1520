"""The reference PBX's certificate and the trunk's, by a CA of the run's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from harness.certificates import Authority, Certificate, make_authority, self_signed
from harness.target import Target
from simulators.pbx.instance import Instance


class PbxCertificate(StrEnum):
    """What the PBX shows: a good one, or what goes wrong with certificates."""

    GOOD = "good"
    WRONG_NAME = "wrong_name"
    EXPIRED = "expired"
    SELF_SIGNED = "self_signed"
    MISSING_INTERMEDIATE = "missing_intermediate"


_MAKERS: dict[PbxCertificate, Callable[[Authority, str], Certificate]] = {
    PbxCertificate.GOOD: lambda ca, name: ca.issue(name, hosts=[name]),
    PbxCertificate.WRONG_NAME: lambda ca, name: ca.issue(f"www.{name}", hosts=[f"www.{name}"]),
    PbxCertificate.EXPIRED: lambda ca, name: ca.issue(name, hosts=[name], ends=datetime.now(UTC) - timedelta(days=1)),
    PbxCertificate.SELF_SIGNED: lambda _ca, name: self_signed(name, [name]),
    PbxCertificate.MISSING_INTERMEDIATE: lambda ca, name: ca.issue(name, hosts=[name], with_chain=False),
}


def certify(target: Target, instance: Instance, directory: Path, shown: PbxCertificate) -> Target:
    """Write the PBX's certificate into its instance and the trunk's into ``directory``; the target that names them."""
    root = make_authority()
    issuing = root.intermediate("trunkproof test CA, issuing")
    inside = instance.outside(instance.layout.tls)
    _MAKERS[shown](issuing, target.pbx.hostname or target.pbx.host).write(inside, "pbx")
    directory.mkdir(parents=True, exist_ok=True)
    ca = directory / "ca.pem"
    ca.write_bytes(root.pem)
    shutil.copyfile(ca, inside / "ca.pem")
    trunk = target.trunk
    hosts = [host for host in (trunk.hostname, trunk.domain, *trunk.addresses) if host]
    files = issuing.issue(hosts[0], hosts=hosts).write(directory, "trunk")
    named = trunk.model_copy(update={"ca": ca, "certificate": files.certificate, "key": files.key})
    return target.model_copy(update={"trunk": named})
