"""``trunkproof platform``: WhatsApp's platform by itself, for a backend that is tried by hand."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console

from harness.errors import HarnessMisuse
from harness.messages import Event
from harness.process import AwaitExpired, Simulator, SimulatorRefused
from simulators.whatsapp.availability import load_availability
from simulators.whatsapp.people_file import load_people
from simulators.whatsapp.protocol import Faces, PlatformConfig, PutBusiness, PutUser, RequestAnswered, WhereFaces
from simulators.whatsapp.rules import load_rules
from trunkproof.platform_introduction import introduce
from trunkproof.platform_prompt import PlatformPrompt
from trunkproof.platform_view import PlatformView

TOKEN_VARIABLE = "TRUNKPROOF_ACCESS_TOKEN"
SECRET_VARIABLE = "TRUNKPROOF_APP_SECRET"
DEFAULT_ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8064
HIGHEST_PORT = 65535
A_DAY_S = 86400.0


class Prompt(Protocol):
    """Asks for the next line; raises EOFError at the end of the input."""

    def __call__(self, text: str, /) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRequest:
    """What the command line asks for. Empty files: the built-in ones; empty secrets: made now."""

    people: str = ""
    address: str = DEFAULT_ADDRESS
    port: int = DEFAULT_PORT
    webhook_url: str = ""
    ledger: str = ""
    rules: str = ""
    availability: str = ""
    access_token: str = ""
    app_secret: str = ""


def command(
    people: Annotated[str, typer.Option(help="TOML file with business numbers and users; else a sample.")] = "",
    address: Annotated[str, typer.Option(help="Local address to listen on.")] = DEFAULT_ADDRESS,
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any that is free.")] = DEFAULT_PORT,
    webhook_url: Annotated[str, typer.Option(help="Where webhooks go; else nowhere.")] = "",
    ledger: Annotated[str, typer.Option(help="SQLite file that keeps consent; else it is forgotten.")] = "",
    rules: Annotated[str, typer.Option(help="TOML file with rules that differ.")] = "",
    availability: Annotated[str, typer.Option(help="TOML file with countries that differ.")] = "",
    access_token: Annotated[
        str, typer.Option(envvar=TOKEN_VARIABLE, show_envvar=True, help="Bearer token; else one is made.")
    ] = "",
    app_secret: Annotated[
        str, typer.Option(envvar=SECRET_VARIABLE, show_envvar=True, help="Signs webhooks; else one is made.")
    ] = "",
) -> None:
    """Be WhatsApp's platform: take a backend's requests, act as its users, watch what happens."""
    request = PlatformRequest(
        people=people,
        address=address,
        port=port,
        webhook_url=webhook_url,
        ledger=ledger,
        rules=rules,
        availability=availability,
        access_token=access_token,
        app_secret=app_secret,
    )
    platform(request, Console())


def platform(request: PlatformRequest, console: Console, prompt: Prompt = input) -> None:
    """Run the command until it is told to quit, by a line, Ctrl-C or SIGTERM.

    Raises HarnessMisuse for an option or a file that is wrong, SimulatorDied when the platform's process dies.
    """
    people = load_people(Path(request.people) if request.people else None)
    businesses = [business.made() for business in people.businesses]
    users = [user.made() for user in people.users]
    config = _config(request)
    directory = Path("out") / f"platform-{datetime.now():%Y%m%d-%H%M%S}"
    simulator = Simulator("the platform", "simulators.whatsapp.process:run", config, log=directory / "platform.log")
    try:
        _ready(simulator)
        for business in businesses:
            simulator.call(PutBusiness(business=business))
        for user in users:
            simulator.call(PutUser(user=user))
        faces: Faces = simulator.call(WhereFaces())
        token = f"${TOKEN_VARIABLE}" if os.environ.get(TOKEN_VARIABLE) == config.access_token else config.access_token
        introduce(console, config, faces.graph, businesses, users, token=token)
        view = PlatformView(
            {business.number: business.name for business in businesses}
            | {address: user.profile_name for user in users for address in (user.number, user.user_id)}
        )
        typed = PlatformPrompt(simulator, businesses, users, tell(console, "dim"))
        simulator.listen(typed.notice)
        simulator.listen(_shown(console, view))
        _converse(simulator, typed, console, prompt)
    except KeyboardInterrupt:
        # How this command ends.
        return
    finally:
        simulator.stop()


def _config(request: PlatformRequest) -> PlatformConfig:
    """Raises HarnessMisuse for what can be seen to be wrong before the process starts."""
    load_rules(Path(request.rules) if request.rules else None)
    load_availability(Path(request.availability) if request.availability else None)
    if not 0 <= request.port <= HIGHEST_PORT:
        raise HarnessMisuse(f"--port: {request.port} is no port", suggestion=f"0 to {HIGHEST_PORT}")
    return PlatformConfig(
        name="platform",
        address=request.address,
        port=request.port,
        access_token=request.access_token or secrets.token_urlsafe(24),
        app_secret=request.app_secret or secrets.token_hex(16),
        sip_password=secrets.token_urlsafe(12),
        webhook_url=request.webhook_url,
        rules=request.rules,
        availability=request.availability,
        ledger=request.ledger,
    )


def _ready(simulator: Simulator) -> None:
    """What keeps the platform from starting is an option: a port in use, a URL that is none, a file."""
    try:
        simulator.ready()
    except SimulatorRefused as cannot:
        raise HarnessMisuse(cannot.message, detail=cannot.detail) from None


def tell(console: Console, style: str) -> Callable[[str], None]:
    """Prints a line as it is."""
    return lambda text: console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _shown(console: Console, view: PlatformView) -> Callable[[Event], None]:
    def show(event: Event) -> None:
        line = view.line(event, datetime.now())
        if line is not None:
            console.print(line, soft_wrap=True)

    return show


def _converse(simulator: Simulator, typed: PlatformPrompt, console: Console, prompt: Prompt) -> None:
    """Carry out what the user types until they leave. Where nobody types, run until a signal comes."""
    complain = tell(console, "red")
    while True:
        try:
            line = prompt("")
        except EOFError:
            if not sys.stdin.isatty():
                _wait(simulator)
            return
        except UnicodeDecodeError:
            complain("that is no UTF-8")
            continue
        try:
            if not typed.do(line):
                return
        except (HarnessMisuse, SimulatorRefused) as refused:
            complain(str(refused))


def _wait(simulator: Simulator) -> None:
    """Until a signal comes. Raises SimulatorDied."""
    while True:
        with contextlib.suppress(AwaitExpired):
            simulator.wait_for(RequestAnswered, lambda _: False, timeout_s=A_DAY_S, since=simulator.mark())
