"""Passwords that the target leaves to the run: new each time, and in nothing that is kept."""

from pydantic import SecretStr

from harness.target import Target, load_target
from simulators.pbx.reference import with_passwords


def passwords(target: Target) -> list[str]:
    return [target.agents.password.get_secret_value(), target.trunk.digest_password.get_secret_value()]


def test_each_run_has_new_ones():
    target = load_target("reference")
    assert passwords(target) == ["generated", "generated"]
    seen = {password for _ in range(2) for password in passwords(with_passwords(target))}
    assert len(seen) == 4 and "generated" not in seen


def test_declared_ones_and_none_stay():
    target = load_target("reference")
    trunk = target.trunk.model_copy(update={"digest_password": SecretStr("")})
    agents = target.agents.model_copy(update={"password": SecretStr("own")})
    assert passwords(with_passwords(target.model_copy(update={"trunk": trunk, "agents": agents}))) == ["own", ""]
