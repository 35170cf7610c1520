"""What a customer makes of the PBX's answers."""

from __future__ import annotations

import pytest

from harness.errors import DELAY_S, NO_STALL
from scenarios.customer import stall_behind_refusal


@pytest.mark.parametrize("code", [403, 404, 415, 488, 606])
def test_no_delay_is_behind_a_refusal_of_the_request(code: int) -> None:
    assert stall_behind_refusal(code) == NO_STALL


@pytest.mark.parametrize("code", [408, 480, 486, 500, 503, 600])
def test_other_refusals_may_come_of_a_busy_machine(code: int) -> None:
    assert stall_behind_refusal(code) == DELAY_S
