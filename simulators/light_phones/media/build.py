"""Writes the C source by which Python calls the engine: ``python -m simulators.light_phones.media.build FILE``.

``bootstrap.light_media`` compiles it together with the engine's own sources.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cffi import FFI

from bootstrap import light_media_recipe

_PREAMBLE = """
#include "parts.h"
static const char *lm_source(void) { return LM_SOURCE; }
"""


def write(target: Path) -> None:
    """Write the wrapper into ``target``."""
    ffi = FFI()
    ffi.cdef((light_media_recipe.SOURCES / "engine.h").read_text(encoding="utf-8"))
    ffi.cdef("const char *lm_source(void);")
    ffi.set_source(light_media_recipe.MODULE, _PREAMBLE)
    ffi.emit_c_code(str(target))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
