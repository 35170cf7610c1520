"""Locust's master: passes orders to load workers and their reports to the controller, and shows the live mirror.

It judges and stores nothing; exact values go on to the controller. Its statistics are what the workers mirror there,
rounded as Locust rounds.
"""

from __future__ import annotations

import gevent
from flask import Response, request
from gevent.socket import wait_read
from locust.env import Environment
from locust.exception import RPCError
from locust.rpc import Message
from locust.runners import STATE_MISSING, STATE_RUNNING, MasterRunner
from locust.stats import stats_history

from harness.child import Channel, ParentGone, is_stop
from harness.errors import Inconclusive
from harness.messages import Request
from scenarios.load.wire import clock
from trunkproof.load.protocol import (
    MESSAGE,
    MasterConfig,
    MasterUp,
    Order,
    Report,
    StopAsked,
    TellWorker,
    WorkerSaid,
    WorkerVanished,
)

LOOK_S = 0.25
NOT_FROM_HERE = '{"success": false, "message": "a load run starts by trunkproof load"}'


def serve(channel: Channel, config: MasterConfig) -> None:
    """See ``master.run``. Raises Inconclusive when it cannot listen."""
    master = _Master(channel, config)
    channel.ready(carries_calls=False)
    channel.emit(MasterUp(port=master.port, url=master.url))
    try:
        master.serve()
    except ParentGone:
        return
    finally:
        master.stop()


class _Master:
    def __init__(self, channel: Channel, config: MasterConfig) -> None:
        self._channel = channel
        self._environment = Environment()
        self._ours = False
        try:
            # Locust ends the whole process when the port is taken.
            self._runner: MasterRunner = self._environment.create_master_runner(config.host, config.port)
        except (SystemExit, RPCError, OSError) as refused:
            raise Inconclusive(f"the load master cannot listen at {config.host}:{config.port}: {refused}") from None
        self.port = int(self._runner.server.port)
        self._runner.register_message(MESSAGE, self._on_report)
        self._environment.events.test_stopping.add_listener(self._on_stopping)
        self._history = gevent.spawn(stats_history, self._runner)
        self.url = self._open_page(config) if config.ui_port else ""

    def serve(self) -> None:
        """Until told to stop."""
        while True:
            try:
                wait_read(self._channel.fileno(), timeout=LOOK_S, timeout_exc=TimeoutError())
            except TimeoutError:
                self._look_for_missing()
                continue
            request = self._channel.receive()
            if request is None:
                continue
            if is_stop(request.command):
                return
            self._carry_out(request)

    def stop(self) -> None:
        """Tell the workers to end."""
        self._ours = True
        self._history.kill()
        if self._environment.web_ui is not None:
            self._environment.web_ui.stop()
        self._runner.quit()

    def _carry_out(self, request: Request) -> None:
        order = request.command
        if not isinstance(order, TellWorker):
            self._channel.refuse(request, f"a load master knows no {type(order).__name__}")
            return
        if order.order is Order.OFFER and self._runner.state != STATE_RUNNING:
            # Locust keeps a history, and shows charts, of what it calls a running test.
            self._runner.stats.reset_all()
            self._runner.update_state(STATE_RUNNING)
        data = {"number": order.number, "order": order.order.value, "body": order.body, "clock": clock()}
        self._runner.server.send_to_client(Message(MESSAGE, data, order.client))
        self._channel.reply(request)

    def _on_report(self, environment: Environment, msg: Message, **_: object) -> None:
        self._channel.emit(
            WorkerSaid(client=msg.node_id, report=Report(msg.data["report"]), body=str(msg.data["body"]))
        )

    def _on_stopping(self, environment: Environment, **_: object) -> None:
        if not self._ours:
            self._channel.emit(StopAsked())

    def _look_for_missing(self) -> None:
        for worker in list(self._runner.clients.values()):
            if worker.state == STATE_MISSING:
                # Locust would give its users to the others a minute later; ours are not users.
                del self._runner.clients[worker.id]
                self._channel.emit(WorkerVanished(client=worker.id))

    def _open_page(self, config: MasterConfig) -> str:
        host = config.ui_host or "127.0.0.1"
        page = self._environment.create_web_ui(host=host, port=config.ui_port)
        assert page.app is not None

        def no_start_from_here() -> Response | None:
            if request.path.endswith("/swarm"):
                return Response(NOT_FROM_HERE, 409, mimetype="application/json")
            return None

        page.app.before_request(no_start_from_here)
        return f"http://{host}:{config.ui_port}/"
