"""The keys in docs/load.md are the profile's."""

import pytest

from harness.errors import HarnessMisuse
from trunkproof.docs_load import DOCUMENT, with_keys


def test_the_keys_are_current():
    page = DOCUMENT.read_text(encoding="utf-8")
    assert page == with_keys(page)


def test_a_page_without_a_place_for_them():
    with pytest.raises(HarnessMisuse, match="are missing"):
        with_keys("# Load runs\n")
