"""The front door's map: what is refused, and with which words; how it is staffed when."""

from __future__ import annotations

from datetime import datetime

import pytest

from harness.errors import HarnessMisuse
from harness.target import BUILT_IN, IvrSection, Staffing, Target, load_target
from harness.toml_file import parse_model

REFERENCE = (BUILT_IN / "reference.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("good", "bad", "line"),
    [
        ('3 = "menu:billing"', '3 = "menu:biling"', r"x\.toml:\d+: 'ivr': .*'main', key 3: there is no menu 'biling'"),
        ('3 = "menu:billing"', '3 = "menu:biling"', r"did you mean 'billing'\?"),
        (
            '1 = "department:sales"',
            '1 = "sales"',
            r"'ivr\.menus\[1\]\.options\.1': 'sales' leads nowhere: write",
        ),
        ('2 = "language:es"', '2 = "language:spanish"', r"'spanish' is no language code such as 'es'"),
        ('first = "main"', 'first = "mian"', r"first names the menu 'mian'.*did you mean 'main'"),
        ('operator = "operator"', 'operator = "oprator"', r"operator names the department 'oprator'.*did you mean"),
        ("tries = 2", "trys = 2", r"x\.toml:\d+: unknown key 'ivr\.menus\[1\]\.trys' \(did you mean 'tries'\?\)"),
        ('sales = "door-sales-a"', "", r"the line \+442079460200 has no queue for the department 'sales'"),
        ('sales = "door-sales-b"', 'sales = "door-sales-a"', r"the queue 'door-sales-a' is on two lines"),
        (
            'sales = "door-sales-a"',
            'sales = "door-sale-a"',
            r"\[ivr\] .*'door-sale-a' for sales.*did you mean",
        ),
        ('number = "+442079460200"', 'number = "+442079460100"', r"\+442079460100 is in \[\[numbers\]\] as well"),
        ('prompt = "ivr_sales"', 'prompt = "ivr_sale"', r"the department 'sales' names the prompt 'ivr_sale'"),
        ('3 = "menu:billing"\n', "", r"no key leads to the menu 'billing'"),
        (
            'first_digit_s = 1.2\ntries = 2\notherwise = "department:operator"',
            'first_digit_s = 1.2\ntries = 2\notherwise = "menu:main"',
            r"presses nothing goes round in circles: main → main; let 'otherwise' reach somebody",
        ),
        ('holidays = ["2026-04-03"', 'holidays = ["3 April"', r"x\.toml:\d+: 'ivr\.holidays\[1\]'"),
    ],
)
def test_a_wrong_map_gets_one_line(good: str, bad: str, line: str) -> None:
    assert good in REFERENCE
    with pytest.raises(HarnessMisuse, match=line) as caught:
        parse_model(REFERENCE.replace(good, bad, 1), Target, where="x.toml")
    assert "\n" not in str(caught.value)


def test_a_claim_needs_lines() -> None:
    document = load_target("reference").model_dump() | {"ivr": IvrSection()}
    with pytest.raises(ValueError, match="claims has 'ivr', but there is no"):
        Target.model_validate(document)


@pytest.mark.parametrize(
    ("moment", "staffing"),
    [
        ("2026-03-10 07:59", Staffing.AFTER_HOURS),
        ("2026-03-10 08:00", Staffing.OPEN),
        ("2026-03-10 13:00", Staffing.LUNCH),
        ("2026-03-10 13:30", Staffing.OPEN),
        ("2026-03-14 13:00", Staffing.OPEN),
        ("2026-03-15 12:00", Staffing.AFTER_HOURS),
        ("2026-04-02 23:59", Staffing.AFTER_HOURS),
        ("2026-04-03 00:00", Staffing.HOLIDAY),
        ("2026-04-03 13:15", Staffing.HOLIDAY),
        ("2026-04-04 00:00", Staffing.AFTER_HOURS),
    ],
)
def test_staffing_at_the_edges(moment: str, staffing: Staffing) -> None:
    assert load_target("reference").ivr.staffing_at(datetime.fromisoformat(moment)) is staffing


def test_wrong_keys_are_digits_that_the_menu_does_not_have() -> None:
    menu = load_target("reference").ivr.menus[0]
    assert menu.wrong_key().isdigit()
    assert menu.wrong_key() not in menu.options
    full = menu.model_copy(update={"options": dict.fromkeys("0123456789", menu.otherwise)})
    assert full.wrong_key() == ""
