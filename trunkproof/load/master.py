"""The process of Locust's master. See ``locust_master``."""

from __future__ import annotations

from gevent import monkey

from harness.child import Channel
from trunkproof.load.protocol import MasterConfig


def run(channel: Channel, config: MasterConfig) -> None:
    """Entry of the process; returns when told to stop."""
    # As in ``worker``.
    monkey.patch_all()
    from trunkproof.load import locust_master

    locust_master.serve(channel, config)
