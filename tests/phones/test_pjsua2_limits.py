"""How much the installed pjsua2 takes, told by what its wheel says of itself."""

import sys

from simulators.phones.build import PUBLISHED_LIMITS, is_published, limits
from simulators.phones.protocol import PhoneLimits


def test_the_built_wheel_tells_its_limits(monkeypatch, tmp_path):
    (tmp_path / "pjsua2_build.py").write_text("PJSUA_MAX_CALLS = 7\nPJSUA_MAX_ACC = 9\n")
    monkeypatch.delitem(sys.modules, "pjsua2_build", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert not is_published()
        assert limits() == PhoneLimits(max_calls=7, max_phones=9)
    finally:
        sys.modules.pop("pjsua2_build", None)


def test_any_other_pjsua2_counts_as_the_published_wheel(monkeypatch):
    monkeypatch.setitem(sys.modules, "pjsua2_build", None)
    assert is_published()
    assert limits() == PUBLISHED_LIMITS
    assert (PUBLISHED_LIMITS.max_calls, PUBLISHED_LIMITS.max_phones) == (4, 8)
