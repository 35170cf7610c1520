"""Kamailio's control interface: JSON-RPC over HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from harness.errors import Inconclusive

CLOCK_OFFSET = "clock_offset"


class RpcError(Inconclusive):
    """The SBC's control interface does not answer, or refuses."""


class SbcRpc:
    """Asks and tells a running Kamailio. Raises RpcError."""

    def __init__(self, url: str, password: str, *, timeout_s: float = 3.0) -> None:
        self._url = url
        headers = {"Authorization": f"Bearer {password}"}
        self._client = httpx.Client(timeout=timeout_s, trust_env=False, headers=headers)

    def version(self) -> str:
        """What Kamailio says it is."""
        return str(self._call("core.version")).partition("(")[0].strip().replace("kamailio", "Kamailio")

    def sites_in_service(self) -> set[str]:
        """Addresses of the sites that answered the last time Kamailio asked, and get calls."""
        targets = [
            entry["DEST"] for record in self._call("dispatcher.list")["RECORDS"] for entry in record["SET"]["TARGETS"]
        ]
        # The first letter: active, inactive, trying, disabled; the second: X until it was asked for the first time.
        return {target["URI"].removeprefix("sip:").partition(":")[0] for target in targets if target["FLAGS"] == "AP"}

    def clock_offset_s(self) -> int:
        """How far Kamailio takes the PBX's clock to be from the machine's, in s."""
        return int(self._call("pv.shvGet", CLOCK_OFFSET)["value"])

    def set_clock_offset(self, offset_s: int) -> None:
        """Move the clock by which Kamailio looks at the sites' hours."""
        self._call("pv.shvSet", CLOCK_OFFSET, "int", offset_s)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _call(self, method: str, *parameters: object) -> Any:
        request = {"jsonrpc": "2.0", "method": method, "params": list(parameters), "id": 1}
        try:
            answer = self._client.post(self._url, json=request)
            answer.raise_for_status()
            body = answer.json()
        except (httpx.HTTPError, ValueError) as broken:
            raise RpcError(
                f"the SBC's control interface at {self._url} does not answer: {broken or type(broken).__name__}"
            ) from None
        if "error" in body:
            raise RpcError(f"the SBC refused {method}: {body['error'].get('message', 'no reason given')}")
        return body["result"]
