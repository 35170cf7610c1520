"""The container's description: variables as Compose fills them in, and what the repository's file says."""

from pathlib import Path

import pytest
import yaml

from harness.errors import HarnessMisuse
from harness.target import load_target
from simulators.pbx.providers.compose_file import COMPOSE_FILE, interpolate, read_service


def test_variables():
    fill = lambda text, **values: interpolate(text, values, Path("f"))  # noqa: E731
    assert fill("a ${X:-b} ${Y}", Y="c") == "a b c"
    assert fill("${X:-b}", X="") == "b"
    assert fill("${X:?needed}", X="y") == "y"
    with pytest.raises(HarnessMisuse, match="f: X: needed"):
        fill("${X:?needed}")


def test_the_repositorys_file():
    service = read_service({"TRUNKPROOF_INSTANCE": "/i", "TRUNKPROOF_CLOCK_MOVES": "1"})
    assert service.network_mode == "host"
    assert service.volumes == ["/i:/i"]
    assert service.environment == {"TZ": "Europe/London", "FAKETIME_NO_CACHE": "1"}
    assert (service.context / "Dockerfile").is_file()


def test_the_services_of_sites():
    """By hand each has a directory of its own below one; the provider gives each container its own instance."""
    target = load_target("reference-sites")
    services = yaml.safe_load(COMPOSE_FILE.read_text())["services"]
    assert services.keys() == {"pbx", "sbc", *(f"site-{site.name}" for site in target.sites)}
    for site in target.sites:
        by_hand = read_service({"TRUNKPROOF_INSTANCE": "/i"}, name=f"site-{site.name}")
        assert by_hand.command == [f"/i/{site.name}"]
        assert by_hand.environment["TZ"] == site.timezone
    assert read_service({"TRUNKPROOF_INSTANCE": "/i"}, name="sbc").command == ["/i/sbc"]
    ours = read_service({"TRUNKPROOF_INSTANCE": "/i", "TRUNKPROOF_SBC": "."}, name="sbc")
    assert (ours.command, ours.image, ours.volumes) == (["/i/."], "trunkproof-pbx", ["/i:/i"])


def test_a_file_without_the_service(tmp_path: Path):
    path = tmp_path / "compose.yml"
    path.write_text("services: {}")
    with pytest.raises(HarnessMisuse, match="no service 'pbx'"):
        read_service({}, path)
    with pytest.raises(HarnessMisuse, match="cannot be read"):
        read_service({}, tmp_path / "none.yml")
