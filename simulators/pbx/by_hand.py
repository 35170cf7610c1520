"""Write the reference PBX's configuration for use by hand: ``python -m simulators.pbx.by_hand DIRECTORY [TARGET]``.

The containers of ``docker-compose.test.yml`` run on it, without trunkproof, so without an archive of recordings.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path, PurePosixPath

from harness.errors import HarnessMisuse, TrunkproofError
from harness.target import Target, load_target
from simulators.pbx.asterisk.facts import AMI_PORT, HTTP_PORT
from simulators.pbx.blocks import PSTN_HOST
from simulators.pbx.control import ControlFacts
from simulators.pbx.instance import Instance, Layout
from simulators.pbx.kamailio.server import write_sbc
from simulators.pbx.providers.compose_file import SBC_SERVICE, SERVICE
from simulators.pbx.providers.debian import DOCUMENTATION, OPUS_MODULES
from simulators.pbx.reference import CONTROL_USER, with_addresses, with_passwords, write_instance
from simulators.pbx.site_target import site_target


def write(directory: Path, target_name: str) -> str:
    """Write everything to ``directory`` and return what to do with it. Raises HarnessMisuse."""
    target = with_addresses(with_passwords(load_target(target_name)))
    if directory.exists() and any(directory.iterdir()):
        raise HarnessMisuse("is not empty", where=directory, suggestion="name a directory to be made")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = directory.resolve()
    control = ControlFacts(CONTROL_USER, secrets.token_urlsafe(18), HTTP_PORT, AMI_PORT)
    services = _write_sites(target, directory, control) if target.sites else _write_pbx(target, directory, control)
    return (
        f"{directory} is ready. Agents {target.agents.extensions[0]} to {target.agents.extensions[-1]} have "
        f"the password {target.agents.password.get_secret_value()}\n"
        f"At the trunk the PBX has the password {target.trunk.digest_password.get_secret_value() or '(none)'}\n"
        f"TRUNKPROOF_INSTANCE={directory} docker compose -f docker-compose.test.yml up {' '.join(services)}"
    )


def _write_pbx(target: Target, directory: Path, control: ControlFacts, max_calls: int = 0) -> list[str]:
    write_instance(
        target,
        _instance(directory),
        twin=None,
        pstn_address=target.pbx.host.rpartition(".")[0] + f".{PSTN_HOST}",
        control=control,
        opus=OPUS_MODULES,
        max_calls=max_calls,
    )
    return [SERVICE]


def _write_sites(target: Target, directory: Path, control: ControlFacts) -> list[str]:
    for site in target.sites:
        _write_pbx(site_target(target, site), directory / site.name, control, site.max_calls)
    instance = _instance(directory / SBC_SERVICE)
    if target.pbx.clock is not None:
        instance.clock.set_to(target.pbx.clock, target.pbx.timezone)
    write_sbc(target, instance, twin=None, control=control)
    return [SBC_SERVICE, *(f"site-{site.name}" for site in target.sites)]


def _instance(directory: Path) -> Instance:
    instance = Instance(directory, Layout(PurePosixPath(directory)))
    instance.furnish(DOCUMENTATION)
    return instance


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
