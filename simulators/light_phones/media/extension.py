"""The compiled engine, or why it is not there."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from bootstrap import light_media_recipe
from harness.errors import Inconclusive

_MEND = (
    f"run python3 -m bootstrap where {', '.join(light_media_recipe.NEEDS)} are installed, or where it can install them"
)


@cache
def extension() -> Any:
    """The module that cffi made, with ``ffi`` and ``lib``. Raises Inconclusive when it is not built, or from other
    sources than these."""
    try:
        module = import_module(light_media_recipe.MODULE)
    except ImportError as error:
        raise Inconclusive(f"light phones need their media engine, which is not built here: {_MEND}") from error
    if module.ffi.string(module.lib.lm_source()).decode() != light_media_recipe.source_hash():
        raise Inconclusive(
            "the media engine of the light phones was built from other sources: run python3 -m bootstrap"
        )
    return module
