"""The codes of ITU-T G.711, as libsndfile decodes them."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import numpy.typing as npt
import soundfile

_SUBTYPES = {"pcmu": "ULAW", "pcma": "ALAW"}


@cache
def levels(name: str) -> npt.NDArray[np.int16]:
    """The 16 bit sample of each of the 256 codes of a law, by its name in SDP, lower case. Raises KeyError for none."""
    samples, _ = soundfile.read(
        io.BytesIO(bytes(range(256))),
        format="RAW",
        subtype=_SUBTYPES[name],
        samplerate=8000,
        channels=1,
        dtype="int16",
    )
    samples.flags.writeable = False
    return np.asarray(samples, dtype=np.int16)
