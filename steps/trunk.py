"""Sentences about what the provider's trunk asks of the PBX beside the call itself."""

from __future__ import annotations

from pytest_bdd import given, then

from scenarios.scene import Scene
from scenarios.trunk_rules import (
    answer_is_encrypted,
    came_over_tls,
    keeps_the_trunks_rules,
    require_encryption,
    require_proxies,
    require_tls,
)


@given("the trunk speaks TLS with the PBX")
def trunk_speaks_tls(scene: Scene) -> None:
    """Not run on a trunk without TLS. The PBX's certificate has been checked when the scenario begins."""
    require_tls(scene)


@given("the trunk records a route")
def trunk_records_a_route(scene: Scene) -> None:
    """Not run on a trunk without proxies, as Meta's are."""
    require_proxies(scene)


@given("the trunk's media are encrypted")
def media_are_encrypted(scene: Scene) -> None:
    """Not run on a trunk without SRTP."""
    require_encryption(scene)


@then("the PBX's answer is encrypted as offered")
def encrypted_as_offered(scene: Scene) -> None:
    """The SDP in its 200 has RTP/SAVP and keeps to the suite that was offered."""
    keeps_the_trunks_rules(scene)
    answer_is_encrypted(scene)


@then("the PBX has kept the trunk's rules")
def kept_the_rules(scene: Scene) -> None:
    """Routes, Vias and SDP answers came back as the provider wants them, and TLS failed nowhere."""
    keeps_the_trunks_rules(scene)


@then("the PBX's BYE came over TLS")
def bye_came_over_tls(scene: Scene) -> None:
    """The trunk received the PBX's BYE over a TLS connection."""
    came_over_tls(scene, "BYE")
