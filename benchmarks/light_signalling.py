"""Processor time of light phones' signalling: ``python -m benchmarks.light_signalling [--calls N] [--at-once N]``.

Customers' and agents' exchange are in one process: a call is INVITE, 180, 200, ACK, BYE, 200 over UDP on loopback, each
message written and read by us, SDP made and answered. There is no media.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass

from simulators.light_phones.exchange import LightExchange
from simulators.light_phones.incoming import IncomingCall
from simulators.light_phones.ports import Stream, StreamSettings

CUSTOMERS, AGENTS = "127.0.46.11", "127.0.46.12"


@dataclass
class NoStream:
    """No media."""

    port: int = 20000
    rtcp_port: int = 20001
    ssrc: int = 1

    def start(self, settings: StreamSettings) -> None:
        return

    def send_digits(self, digits: str) -> None:
        return

    def pause(self) -> None:
        return

    def resume(self) -> None:
        return

    def report(self) -> None:
        return

    def close(self) -> None:
        return


class NoEngine:
    def open(self) -> Stream:
        return NoStream()


def answer(call: IncomingCall) -> None:
    call.ring()
    call.answer()


async def place(customers: LightExchange, agents: LightExchange, calls: int) -> None:
    host, port = agents.local
    for _ in range(calls):
        call = customers.dial("+34600111222", f"sip:1001@{host}:{port}", (host, port))
        assert await call.answered(), call.ending
        call.hang_up()
        await call.ended()


async def measure(calls: int, at_once: int) -> tuple[float, float, int]:
    """CPU s, s, and messages that were sent again."""
    customers, agents = LightExchange(CUSTOMERS, NoEngine()), LightExchange(AGENTS, NoEngine())
    agents.on_incoming = answer
    for exchange in (customers, agents):
        await exchange.start()
    await place(customers, agents, 50)
    began, spent = time.monotonic(), time.process_time()
    await asyncio.gather(*(place(customers, agents, calls // at_once) for _ in range(at_once)))
    spent, took = time.process_time() - spent, time.monotonic() - began
    for exchange in (customers, agents):
        await exchange.close()
    return spent, took, customers.counts.again + agents.counts.again


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--at-once", type=int, default=50)
    options = parser.parse_args()
    calls = options.calls // options.at_once * options.at_once
    spent, took, again = asyncio.run(measure(calls, options.at_once))
    print(f"{calls} calls, {options.at_once} at once, both ends in this process: {took:.1f} s, {again} messages again")
    print(f"{1e6 * spent / calls:.0f} µs of CPU per call, both ends")
    print(f"{calls / spent:.0f} calls/s from one core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
