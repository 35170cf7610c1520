"""Write the reference PBX's configuration for use by hand: ``python -m simulators.pbx.by_hand DIRECTORY [TARGET]``.

The container of ``docker-compose.test.yml`` runs on it, without trunkproof.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from harness.errors import HarnessMisuse, TrunkproofError
from harness.target import load_target
from simulators.pbx.asterisk.facts import AMI_PORT, HTTP_PORT
from simulators.pbx.blocks import PSTN_HOST
from simulators.pbx.control import ControlFacts
from simulators.pbx.instance import Instance
from simulators.pbx.providers.debian import DOCUMENTATION, OPUS_MODULES
from simulators.pbx.reference import CONTROL_USER, with_passwords, with_registrar, write_instance


def write(directory: Path, target_name: str) -> str:
    """Write everything to ``directory`` and return what to do with it. Raises HarnessMisuse."""
    target = with_registrar(with_passwords(load_target(target_name)))
    if directory.exists() and any(directory.iterdir()):
        raise HarnessMisuse("is not empty", where=directory, suggestion="name a directory to be made")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    instance = Instance(directory.resolve(), Path("/"))
    instance.furnish(DOCUMENTATION)
    control = ControlFacts(CONTROL_USER, secrets.token_urlsafe(18), HTTP_PORT, AMI_PORT)
    write_instance(
        target,
        instance,
        twin=None,
        pstn_address=target.pbx.host.rpartition(".")[0] + f".{PSTN_HOST}",
        control=control,
        opus=OPUS_MODULES,
    )
    return (
        f"{instance.path} is ready. Agents {target.agents.extensions[0]} to {target.agents.extensions[-1]} have "
        f"the password {target.agents.password.get_secret_value()}\n"
        f"At the trunk the PBX has the password {target.trunk.digest_password.get_secret_value() or '(none)'}\n"
        f"TRUNKPROOF_INSTANCE={instance.path} docker compose -f docker-compose.test.yml up"
    )


def main(arguments: list[str]) -> int:
    """Command line; returns the exit code."""
    if not 1 <= len(arguments) <= 2:
        print("usage: python -m simulators.pbx.by_hand DIRECTORY [TARGET]", file=sys.stderr)
        return HarnessMisuse.exit_code
    try:
        print(write(Path(arguments[0]), arguments[1] if len(arguments) > 1 else "reference"))
    except TrunkproofError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
