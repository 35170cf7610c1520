"""How the two faces say no: Meta's error envelope and 8x8's.

A refusal of the platform has its codes in ``refusals``; what is wrong with the request as such has them here.
Sources: Meta, Graph API (handling errors) and Cloud API error codes; 8x8, API error codes. 8x8 publishes no code for
a refusal of Meta's: it goes along in the message.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, auto

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from simulators.whatsapp.refusals import Refusal, Refused


class Problem(StrEnum):
    """What is wrong with a request, whoever it is for."""

    NOT_AUTHENTICATED = auto()
    NO_SUCH_ROUTE = auto()
    WRONG_METHOD = auto()
    BODY_TOO_LONG = auto()
    WRONG_ACCOUNT = auto()
    NOT_SIMULATED = auto()
    OUT_OF_ORDER = auto()


@dataclass(frozen=True, slots=True)
class Codes:
    """``status`` of the HTTP response, error codes of Meta and 8x8. ``documented``: Meta publishes its code for it."""

    status: int
    graph: int
    cpaas: int
    says: str
    documented: bool


PROBLEMS: dict[Problem, Codes] = {
    Problem.NOT_AUTHENTICATED: Codes(401, 190, 1200, "The access token is missing or wrong.", True),
    Problem.NO_SUCH_ROUTE: Codes(404, 100, 1300, "There is nothing at this path.", False),
    Problem.WRONG_METHOD: Codes(405, 100, 1000, "The path does not take this method.", False),
    Problem.BODY_TOO_LONG: Codes(413, 100, 1000, "The request's body is too long.", False),
    Problem.WRONG_ACCOUNT: Codes(400, 100, 1001, "There is no such subaccount or channel.", False),
    Problem.NOT_SIMULATED: Codes(400, 100, 2001, "The simulated platform does not do this.", False),
    Problem.OUT_OF_ORDER: Codes(500, 131000, 2000, "Something went wrong in the simulated platform.", True),
}

FORBIDDEN, TOO_MANY, BAD_REQUEST = 403, 429, 400
CPAAS_FORBIDDEN, CPAAS_INVALID, CPAAS_INTERNAL = 1201, 1000, 2000
"""8x8's codes for a refusal of Meta's, a wrong parameter, an internal error (which goes with which is ours)."""


class FaceError(Exception):
    """A request that is not carried out, before the platform was asked. ``says`` replaces the table's sentence."""

    def __init__(self, problem: Problem, says: str = "") -> None:
        self.problem = problem
        self.codes = PROBLEMS[problem]
        self.says = says or self.codes.says
        super().__init__(self.says)


def invalid(parameter: str, says: str) -> Refused:
    """The error for a parameter that is wrong."""
    return Refused(Refusal.INVALID_PARAMETER, f"{parameter}: {says}" if parameter else says)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GraphErrorData(_Answer):
    messaging_product: str = "whatsapp"
    details: str


class GraphErrorBody(_Answer):
    message: str
    type: str = "OAuthException"
    code: int
    error_data: GraphErrorData
    fbtrace_id: str


class GraphError(_Answer):
    """Meta's envelope of errors."""

    error: GraphErrorBody


class CpaasError(_Answer):
    """8x8's envelope of errors."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    code: int
    message: str
    error_id: uuid.UUID
    timestamp: datetime


def graph_error(error: FaceError | Refused) -> tuple[int, GraphError]:
    """HTTP status and body in Meta's envelope."""
    if isinstance(error, FaceError):
        status, code, title = error.codes.status, error.codes.graph, error.codes.says
    else:
        # A refusal that Meta gives no code for can only be about what was sent.
        status, code = error.answer.graph_status or BAD_REQUEST, error.answer.graph_code or 100
        title = error.answer.says
    body = GraphErrorBody(
        message=f"(#{code}) {title}",
        code=code,
        error_data=GraphErrorData(details=error.says),
        fbtrace_id=f"A{secrets.token_urlsafe(16)}",
    )
    return status, GraphError(error=body)


def cpaas_error(error: FaceError | Refused) -> tuple[int, CpaasError]:
    """HTTP status and body in 8x8's envelope."""
    says = error.says
    if isinstance(error, FaceError):
        status, code = error.codes.status, error.codes.cpaas
    elif error.refusal is Refusal.INVALID_PARAMETER:
        status, code = BAD_REQUEST, CPAAS_INVALID
    else:
        answer = error.answer
        status = answer.graph_status if answer.graph_status >= TOO_MANY else FORBIDDEN
        code = CPAAS_INTERNAL if status > TOO_MANY else CPAAS_FORBIDDEN
        says = f"{says} (Meta error {answer.graph_code})"
    return status, CpaasError(code=code, message=says, error_id=uuid.uuid4(), timestamp=datetime.now(UTC))
