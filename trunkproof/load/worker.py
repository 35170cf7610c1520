"""A load worker's process: Locust's worker, and one generator beside it. See ``locust_worker``."""

from __future__ import annotations

from gevent import monkey

from harness.child import Channel
from trunkproof.load.protocol import WorkerConfig


def run(channel: Channel, config: WorkerConfig) -> None:
    """Entry of the process; returns when told to stop, or when the master is gone."""
    # Locust has gevent replace Python's blocking calls as soon as it is imported. Here that happens in this process
    # only, after ``harness.child`` has started its own thread (which stays one of the system's), and while nothing is
    # being imported: a module's lock would never be given back.
    monkey.patch_all()
    from trunkproof.load import locust_worker

    locust_worker.work(channel, config)
