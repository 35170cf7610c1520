"""What a trunk and WhatsApp's platform need to start, so that they fit a PBX under test."""

from __future__ import annotations

from pathlib import Path

from harness.target import Target
from scenarios.system import System
from simulators.trunk.protocol import TrunkConfig
from simulators.whatsapp.protocol import PlatformConfig

LOOPBACK = "127.0.0.1"
"""Where the platform's and the backend's HTTP servers are: their ports are ephemeral."""


def trunk_config(system: System, *, name: str, address: str, trace: Path, policy_socket: str) -> TrunkConfig:
    """A trunk at one of the target's trunk addresses. Without ``policy_socket`` it lets every call through."""
    pbx, trunk = system.running.target.pbx, system.running.target.trunk
    return TrunkConfig(
        name=name,
        address=address,
        customer_port=0,
        pbx_side_port=trunk.port,
        pbx_host=pbx.host,
        pbx_port=pbx.port,
        pbx_transport=pbx.transport,
        profile=system.profile,
        trace=str(trace),
        business_hostname=pbx.hostname,
        trunk_hostname=trunk.hostname,
        tls_ca=str(trunk.ca or ""),
        tls_certificate=str(trunk.certificate or ""),
        tls_key=str(trunk.key or ""),
        digest_username=trunk.digest_username,
        digest_password=trunk.digest_password.get_secret_value(),
        policy_socket=policy_socket,
    )


def platform_config(
    target: Target, *, name: str, policy_socket: str, access_token: str, app_secret: str
) -> PlatformConfig:
    """WhatsApp's platform as the target's business has it."""
    platform = target.platform
    return PlatformConfig(
        name=name,
        address=LOOPBACK,
        policy_socket=policy_socket,
        access_token=access_token,
        app_secret=app_secret,
        sip_password=target.trunk.digest_password.get_secret_value(),
        sip_hostname=target.pbx.hostname or target.pbx.host,
        rules=str(platform.rules or ""),
        availability=str(platform.availability or ""),
    )
