"""The ladder in plain text, for terminals and logs."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from reports.ladder import Arrow, Ladder

_LEAST_COLUMN = 22
_MOST_COLUMN = 26
_TIME_WIDTH = 10
_MOST_ADDRESSES = 4


def draw_text(ladder: Ladder) -> str:
    """The ladder as lines of text. Retransmissions carry ``(again)``."""
    if not ladder.arrows:
        return "No SIP message was seen.\n"
    wanted = max(cell_len(_label(arrow)) + 6 for arrow in ladder.arrows)
    width = min(max(wanted, _LEAST_COLUMN), _MOST_COLUMN)
    margin = _TIME_WIDTH + width // 2
    middles = [margin + width * position for position in range(len(ladder.columns))]
    total = middles[-1] + width // 2 + 1
    lines = [_centred([column.name for column in ladder.columns], middles, width, total)]
    for row in range(min(max(len(column.addresses) for column in ladder.columns), _MOST_ADDRESSES)):
        addresses = [column.addresses[row] if row < len(column.addresses) else "" for column in ladder.columns]
        lines.append(_centred(addresses, middles, width, total))
    for item in ladder.rows:
        if isinstance(item, Arrow):
            lines.append(_arrow(item, middles, total))
        else:
            mark = "!!" if item.failed else "--"
            lines.append(f"{item.at_s:+{_TIME_WIDTH - 2}.3f}  {mark} {item.text}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _label(arrow: Arrow) -> str:
    hints = ", ".join(part for part in (arrow.party, arrow.view.hint) if part)
    hint = f" ({hints})" if hints else ""
    return f"{'(again) ' if arrow.retransmission else ''}{arrow.view.label}{hint}"


def _centred(texts: list[str], middles: list[int], width: int, total: int) -> str:
    line = ""
    for text, middle in zip(texts, middles, strict=True):
        shown = text if cell_len(text) < width else set_cell_size(text, width - 2) + "…"
        start = middle - cell_len(shown) // 2
        line += " " * (start - cell_len(line)) + shown
    return line[: total * 2]


def _arrow(arrow: Arrow, middles: list[int], total: int) -> str:
    time = f"{arrow.at_s:+{_TIME_WIDTH - 2}.3f}"
    line = list(time + " " * (total - len(time)))
    for middle in middles:
        line[middle] = "|"
    left, right = sorted((middles[arrow.source], middles[arrow.destination]))
    label = _label(arrow)
    if left == right:
        return "".join(line[: left + 1]) + f"<- {label}"
    span = right - left - 1
    room = span - 4
    shown = label if cell_len(label) <= room else set_cell_size(label, max(room - 1, 1)) + "…"
    padding = span - cell_len(shown) - 3
    before, after = 1 + padding // 2, 1 + padding - padding // 2
    body = "-" * before + shown + "-" * after
    body = body + ">" if arrow.destination > arrow.source else "<" + body
    return "".join(line[: left + 1]) + body + "".join(line[right:])
