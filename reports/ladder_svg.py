"""The ladder drawn as SVG: a file of its own, and the two parts that the HTML report puts on its page."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len

from reports.ladder import Arrow, Ladder
from reports.rendering import asset, render
from reports.visible import one_line

_TIME_WIDTH = 78.0
_RIGHT_MARGIN = 12.0
_ROW_HEIGHT = 30.0
_STEP_HEIGHT = 26.0
_LINE_HEIGHT = 15.0
_LABEL_CHARACTER = 6.7
_HINT_CHARACTER = 6.0
_LEAST_COLUMN, _MOST_COLUMN = 132.0, 215.0
PAGE_WIDTH, FILE_WIDTH = 860.0, 1_400.0
"""Room for a ladder beside the message in the HTML report, and in a file of its own."""
_HEAD = 6.0
_LOOP_WIDTH = 26.0
_MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """A column's head: its middle ``x``, name and lines of addresses."""

    x: float
    name: str
    role: str
    lines: tuple[str, ...]
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A drawn row; ``y`` is its top."""

    y: float
    height: float
    time: str
    classes: str
    label: str
    hint: str = ""
    index: int = -1
    call: int = -1
    path: str = ""
    head: str = ""
    label_x: float = 0.0
    label_anchor: str = "middle"
    title: str = ""

    @property
    def is_message(self) -> bool:
        return self.index >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Everything the template needs."""

    width: float
    head_height: float
    body_height: float
    column_width: float
    boxes: tuple[_Box, ...]
    rows: tuple[_Row, ...]


def draw(ladder: Ladder, page_width: float) -> Drawing:
    """Geometry of a ladder with at least one message; it becomes wider than the page when it must."""
    width = _column_width(ladder, page_width)
    middles = [_TIME_WIDTH + width * (position + 0.5) for position in range(len(ladder.columns))]
    boxes = tuple(
        _Box(
            x=middle,
            name=_cut(column.name, width - 20, _LABEL_CHARACTER + 0.5),
            role=column.role or "unknown",
            lines=_address_lines(column.addresses),
            title=" · ".join(part for part in (column.name, column.detail, *column.addresses) if part),
        )
        for middle, column in zip(middles, ladder.columns, strict=True)
    )
    rows: list[_Row] = []
    y = 6.0
    for item in ladder.rows:
        if isinstance(item, Arrow):
            colour = None if item.call is None else ladder.calls[item.call].colour
            rows.append(_message_row(item, colour, middles, y))
        else:
            rows.append(
                _Row(
                    y=y,
                    height=_STEP_HEIGHT,
                    time=_time(item.at_s),
                    classes="step failed" if item.failed else "step",
                    label=item.text,
                )
            )
        y += rows[-1].height
    return Drawing(
        width=_TIME_WIDTH + width * len(middles) + _RIGHT_MARGIN,
        head_height=30 + _LINE_HEIGHT * max((len(box.lines) for box in boxes), default=0) + 14,
        body_height=y + 10,
        column_width=width,
        boxes=boxes,
        rows=tuple(rows),
    )


def draw_svg(ladder: Ladder, title: str) -> str:
    """A file of its own, in the colours of the reader's system."""
    if not ladder.arrows:
        return render("ladder_empty.svg.j2", title=one_line(title), style=asset("ladder.css"))
    return render("ladder.svg.j2", drawing=draw(ladder, FILE_WIDTH), title=one_line(title), style=asset("ladder.css"))


def _column_width(ladder: Ladder, page_width: float) -> float:
    """As wide as the page gives room for, within limits; labels that do not fit are cut."""
    return round(
        min(max((page_width - _TIME_WIDTH - _RIGHT_MARGIN) / len(ladder.columns), _LEAST_COLUMN), _MOST_COLUMN)
    )


def _label_width(label: str, hint: str) -> float:
    return cell_len(label) * _LABEL_CHARACTER + (cell_len(hint) * _HINT_CHARACTER + 8 if hint else 0.0)


def _hint(arrow: Arrow) -> str:
    return " · ".join(part for part in (arrow.party, arrow.view.hint) if part)


def _label(arrow: Arrow) -> str:
    return f"↻ {arrow.view.label}" if arrow.retransmission else arrow.view.label


def _message_row(arrow: Arrow, colour: int | None, middles: list[float], y: float) -> _Row:
    start, end = middles[arrow.source], middles[arrow.destination]
    line = _ROW_HEIGHT - 8
    classes = ["msg", arrow.view.tone] + ([] if colour is None else [f"c{colour}"])
    classes += ["again"] * arrow.retransmission + ["noise"] * arrow.view.housekeeping
    label, hint, label_x, anchor = _label(arrow), _hint(arrow), (start + end) / 2, "middle"
    if start == end:
        path = f"M{start:g} {line - 9:g}h{_LOOP_WIDTH:g}v9H{start + 2:g}"
        head, label_x, anchor = _arrow_head(start, line, leftwards=True), start + _LOOP_WIDTH + 8, "start"
    else:
        sign = 1 if end > start else -1
        path = f"M{start:g} {line:g}H{end - sign * 2:g}"
        head = _arrow_head(end, line, leftwards=sign < 0)
        room = abs(end - start) - 14
        if _label_width(label, hint) > room:
            hint = _cut(hint, room - cell_len(label) * _LABEL_CHARACTER - 8, _HINT_CHARACTER)
            label = _cut(label, room, _LABEL_CHARACTER)
    again = ", sent again" if arrow.retransmission else ""
    return _Row(
        y=y,
        height=_ROW_HEIGHT,
        time=_time(arrow.at_s),
        classes=" ".join(classes),
        label=label,
        hint=hint,
        index=arrow.index,
        call=-1 if arrow.call is None else arrow.call,
        path=path,
        head=head,
        label_x=label_x,
        label_anchor=anchor,
        title=f"{arrow.view.label}{again}: {one_line(arrow.entry.source)} → {one_line(arrow.entry.destination)}",
    )


def _arrow_head(x: float, y: float, *, leftwards: bool) -> str:
    back = _HEAD + 1 if leftwards else -_HEAD - 1
    return f"M{x:g} {y:g}l{back:g} {-_HEAD * 0.62:g}v{_HEAD * 1.24:g}z"


def _address_lines(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if len(addresses) <= _MOST_ADDRESSES:
        return addresses
    return (*addresses[: _MOST_ADDRESSES - 1], f"and {len(addresses) - _MOST_ADDRESSES + 1} more")


def _cut(text: str, room: float, character: float) -> str:
    most = int(room / character)
    if cell_len(text) <= most:
        return text
    return text[: max(most - 1, 0)] + "…" if most > 2 else ""


def _time(at_s: float) -> str:
    return f"{at_s:+.3f}"
