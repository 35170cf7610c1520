"""Sound at another rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def polyphase(samples: npt.NDArray[Any], up: int, down: int) -> npt.NDArray[Any]:
    """``samples``, real or complex, at ``up`` / ``down`` times their rate, band-limited."""
    # It takes 0.8 s to import, which processes that never come here need not wait for.
    from scipy.signal import resample_poly

    return np.asarray(resample_poly(samples, up, down))
