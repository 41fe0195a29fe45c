"""Charts as SVG, 440 units wide: what they show stands beside the marks, and again in a table below them.

All text is escaped by `Markup.format`; colours and type come from the stylesheet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from tunewarden.entry.report.figures import Interval

_WIDTH = 440
_LABELS, _RIGHT = 128, 402
_LINE = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar from zero; `share` in [0, 1]."""

    label: str
    share: Decimal
    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One value with its interval; `text` says both."""

    label: str
    figure: Interval
    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """An axis: `ticks` with their words, and lines that mark a value with a word."""

    low: Decimal
    high: Decimal
    ticks: tuple[tuple[Decimal, str], ...]
    marks: tuple[tuple[Decimal, str], ...] = ()

    def place(self, value: Decimal) -> Decimal:
        """Where `value` lies, in user units; beyond the axis is at its end."""
        inside = min(max(value, self.low), self.high)
        span = (inside - self.low) / (self.high - self.low) * (_RIGHT - _LABELS)
        return (_LABELS + span).quantize(Decimal("0.1"))


def bars(rows: Sequence[Bar], *, ticks: Sequence[tuple[Decimal, str]], alt: str) -> Markup:
    """Horizontal bars of shares, from 0 to 1."""
    scale = Scale(low=Decimal(0), high=Decimal(1), ticks=tuple(ticks))
    body = Markup("").join(_bar(row, scale, number) for number, row in enumerate(rows))
    return _frame(scale, body, len(rows), 46, alt)


def dots(rows: Sequence[Dot], scale: Scale, *, alt: str) -> Markup:
    """Values with their intervals, one above the other."""
    body = Markup("").join(_dot(row, scale, number) for number, row in enumerate(rows))
    return _frame(scale, body, len(rows), _LINE + 12, alt)


def _frame(scale: Scale, body: Markup, rows: int, line: int, alt: str) -> Markup:
    top = 20 if scale.marks else 6
    bottom = top + rows * line + 4
    ticks = Markup("").join(
        Markup('<path class="grid" d="M{0} {1}V{2}"/><text class="tick" x="{0}" y="{3}">{4}</text>').format(
            scale.place(value), top, bottom, bottom + 17, word
        )
        for value, word in scale.ticks
    )
    marks = Markup("").join(
        Markup('<path class="limit" d="M{0} {1}V{2}"/><text class="limit" x="{0}" y="{3}">{4}</text>').format(
            scale.place(value), top - 4, bottom, top - 8, word
        )
        for value, word in scale.marks
    )
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '{}{}<g transform="translate(0 {})">{}</g></svg>'
    ).format(_WIDTH, bottom + 24, alt, ticks, marks, top, body)


def _bar(row: Bar, scale: Scale, number: int) -> Markup:
    y = number * 46
    width = scale.place(row.share) - _LABELS
    inside = row.share > Decimal("0.6")
    return Markup(
        '<text class="label" x="{}" y="{}">{}</text><rect class="bar{}" x="{}" y="{}" width="{}" height="22"/>'
        '<text class="value{}" x="{}" y="{}">{}</text>'
    ).format(
        *(_LABELS - 10, y + 29, row.label, " strong" if row.strong else "", _LABELS, y + 13, width),
        *(" inside" if inside else "", scale.place(row.share) + (-8 if inside else 8), y + 29, row.text),
    )


def _dot(row: Dot, scale: Scale, number: int) -> Markup:
    y = number * (_LINE + 12)
    low, value, high = (scale.place(end) for end in (row.figure.low, row.figure.value, row.figure.high))
    anchor = "end" if value > (_LABELS + _RIGHT) / 2 else "start"
    return Markup(
        '<text class="label" x="{}" y="{}">{}</text><g class="dot{}"><path d="M{} {}H{}M{} {}v10M{} {}v10"/>'
        '<circle cx="{}" cy="{}" r="5"/></g><text class="value" text-anchor="{}" x="{}" y="{}">{}</text>'
    ).format(
        *(_LABELS - 10, y + 36, row.label, " strong" if row.strong else ""),
        *(low, y + 32, high, low, y + 27, high, y + 27, value, y + 32),
        *(anchor, high if anchor == "end" else low, y + 18, row.text),
    )
