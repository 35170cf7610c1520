"""Estimated conversational quality from packet figures: the E-model of ITU-T G.107.

Only the terms that packets change are counted: R = 93.2 - Idd - Ie_eff, where 93.2 is the rating with all
other parameters at their defaults. Loss is what is left *after* the jitter buffer, so discarded packets
count as lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

RATING_WITHOUT_IMPAIRMENT = 93.2
"""G.107's default rating, short of the delay and equipment terms computed here."""

NARROWBAND_LABEL = "MOS-CQE (E-model)"
ASSUMED_LABEL = "MOS-CQE (E-model, codec constants assumed)"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecImpairment:
    """A codec's constants in G.107's terms.

    ``impairment`` is Ie, ``robustness`` is Bpl (G.113 appendix I). ``assumed`` says that no
    recommendation gives them on the narrowband scale and a usual value is taken instead.
    """

    impairment: float
    robustness: float
    assumed: bool = False


CODECS: dict[str, CodecImpairment] = {
    "pcmu": CodecImpairment(impairment=0.0, robustness=25.1),
    "pcma": CodecImpairment(impairment=0.0, robustness=25.1),
    "g722": CodecImpairment(impairment=0.0, robustness=25.1, assumed=True),
    "opus": CodecImpairment(impairment=0.0, robustness=25.0, assumed=True),
}
"""By RTP encoding name in lower case, with packet loss concealment as every phone has it."""

UNCONCEALED_G711 = CodecImpairment(impairment=0.0, robustness=4.3)
"""G.711 whose receiver fills gaps with silence."""

G729A = CodecImpairment(impairment=11.0, robustness=19.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Rating R (0-100), the MOS that G.107 annex B derives from it, and what that MOS may be called."""

    rating: float
    mos: float
    label: str


def delay_impairment(one_way_delay_ms: float) -> float:
    """Idd: nothing up to 100 ms mouth to ear, then growing (G.107, echo-free connection)."""
    if one_way_delay_ms <= 100.0:
        return 0.0
    x = log2(one_way_delay_ms / 100.0)
    first: float = (1.0 + x**6) ** (1 / 6)
    second: float = (1.0 + (x / 3.0) ** 6) ** (1 / 6)
    return 25.0 * (first - 3.0 * second + 2.0)


def equipment_impairment(codec: CodecImpairment, loss_percent: float, burst_ratio: float = 1.0) -> float:
    """Ie,eff: the codec's own impairment and what packet loss adds. ``burst_ratio`` 1 is random loss."""
    spread = 95.0 - codec.impairment
    return codec.impairment + spread * loss_percent / (loss_percent / burst_ratio + codec.robustness)


def mos_of_rating(rating: float) -> float:
    """MOS-CQE of a rating (G.107 annex B), between 1 and 4.5."""
    if rating <= 0.0:
        return 1.0
    if rating >= 100.0:
        return 4.5
    # The cubic dips below 1 for ratings under 6.5.
    return max(1.0, 1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating))


def estimate(
    codec: CodecImpairment | str,
    *,
    loss_percent: float,
    one_way_delay_ms: float = 0.0,
    burst_ratio: float = 1.0,
) -> Quality:
    """Quality of one direction of a call.

    ``codec`` is a name in ``CODECS`` or constants of one's own; an unknown name raises KeyError.
    """
    constants = CODECS[codec.lower()] if isinstance(codec, str) else codec
    rating = (
        RATING_WITHOUT_IMPAIRMENT
        - delay_impairment(one_way_delay_ms)
        - equipment_impairment(constants, loss_percent, burst_ratio)
    )
    return Quality(
        rating=rating,
        mos=mos_of_rating(rating),
        label=ASSUMED_LABEL if constants.assumed else NARROWBAND_LABEL,
    )
