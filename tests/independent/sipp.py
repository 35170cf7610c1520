"""SIPp as one party of a call: it exits 0 only if the whole flow of its scenario took place."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import jinja2
import psutil

from bootstrap import second_opinion

FLOWS = Path(__file__).with_name("flows")
MODES = {"udp": "u1", "tcp": "t1", "tls": "l1"}
STEP_S = 12
"""How long a message may take to come; a loaded machine is slow."""
LONGEST_S = 25
"""How long a flow may take at all, unless it says more."""

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FLOWS), undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a SIPp lives. ``files`` are its TLS certificate, key and the CA that it trusts."""

    host: str
    port: int
    transport: str = "udp"
    files: tuple[Path, Path, Path] | None = None


class Sipp:
    """A running SIPp. ``trunk`` is where it sends to; a called party needs none."""

    def __init__(
        self, flow: str, place: Place, directory: Path, *, trunk: str = "", longest_s: int = LONGEST_S, **values: Any
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._longest_s = longest_s
        self._place = place
        self.flow = flow
        scenario = directory / "scenario.xml"
        scenario.write_text(_tidy(_TEMPLATES.get_template(f"{flow}.xml.j2").render(values)), encoding="utf-8")
        step_s = STEP_S if longest_s <= LONGEST_S else longest_s
        program = second_opinion.program("sipp")
        arguments = [
            *("-sf", str(scenario), "-m", "1", "-nostdin"),
            *("-i", place.host, "-p", str(place.port), "-bind_local", "-t", MODES[place.transport]),
            *("-ci", place.host, "-timeout", f"{longest_s}s", "-timeout_error", "-recv_timeout", f"{step_s}s"),
            *("-trace_err", "-error_file", str(directory / "errors.log"), "-trace_msg", "-message_file"),
            *(
                str(directory / "messages.log"),
                "-buff_size",
                "262144",
            ),
        ]
        if trunk:
            arguments += ["-auth_uri", f"{values['called']}@{trunk}"]
        if place.files is not None:
            # As a server with a CA, SIPp demands a certificate of its clients.
            options = ("-tls_cert", "-tls_key", *(["-tls_ca"] if trunk else []))
            for option, file in zip(options, place.files, strict=False):
                arguments += [option, str(file)]
        with (directory / "screen.log").open("w") as screen:
            self._process = subprocess.Popen(
                [*program.argv, *arguments, *([trunk] if trunk else [])],
                cwd=directory,
                env={**os.environ, **program.environment, "TERM": "dumb"},
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
            )

    def listening(self) -> Sipp:
        """Wait until it can be called."""
        kind = "udp4" if self._place.transport == "udp" else "tcp4"
        deadline = monotonic() + STEP_S
        while not any(
            found.laddr[:2] == (self._place.host, self._place.port)
            for found in psutil.net_connections(kind)
            if found.pid == self._process.pid
        ):
            assert self._process.poll() is None, self.told()
            assert monotonic() < deadline, f"SIPp does not listen on {self._place.host}:{self._place.port}"
            Event().wait(0.02)
        return self

    def ended(self) -> bool:
        return self._process.poll() is not None

    def result(self) -> int:
        """Its exit status: 0 when the flow took place, 1 when not, 97 when its time was over."""
        return self._process.wait(timeout=self._longest_s + 10)

    def told(self) -> str:
        """What it complained of, and all that it sent and got."""
        parts = []
        for name in ("errors.log", "messages.log"):
            file = self._directory / name
            if file.exists():
                parts.append(f"--- {self.flow}: {name}\n{file.read_text(errors='replace')}")
        screen = (self._directory / "screen.log").read_text(errors="replace")
        return "\n".join(parts or [screen[-2000:]])

    def got(self, first_line: str, cseq: str) -> int:
        """How many messages came that begin with ``first_line`` and have this CSeq, repetitions among them."""
        log = (self._directory / "messages.log").read_text(errors="replace")
        came = [part for part in log.split("-" * 47) if " received [" in part.partition("bytes")[0]]
        return sum(f"\n{first_line}" in message and f"CSeq: {cseq}" in message for message in came)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def _tidy(rendered: str) -> str:
    """The scenario without the empty lines of left-out parts in its messages: there, one begins the body."""
    head = '<?xml version="1.0" encoding="UTF-8" ?>\n'
    pieces = rendered.split("<![CDATA[")
    done = [pieces[0]]
    for piece in pieces[1:]:
        text, rest = piece.split("]]>", 1)
        lines = text.strip("\n").split("\n")
        start = next(n for n, line in enumerate(lines) if line.startswith("Content-Length:"))
        headers = [line for line in lines[: start + 1] if line.strip()]
        body = [line for line in lines[start + 1 :] if line.strip()]
        done.append("\n".join(["", *headers, "", *body, ""]) + ("" if body else "\n") + "]]>" + rest)
    return head + "<![CDATA[".join(done)
