"""The way from data to model as one picture: drawn left to right, and again from the left where a line is full.

Lengths are SVG user units. All text is escaped by `Markup.format`; colours and type come from the stylesheet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

_WIDTH, _HEIGHT, _BRANCH = 212, 76, 62
_ACROSS, _DOWN, _MARGIN = 42, 12, 18
_BETWEEN_LINES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing on the way, or one refusal beside it.

    Attributes:
        whole: the title unshortened.
        log: indices of the entries that it rests on; the first few are shown.
        section: the id of the section that tells more.
        outline: drawn in outline, because it was refused, failed, or is not there.
    """

    kind: str
    title: str
    whole: str
    note: str
    log: tuple[int, ...]
    section: str
    outline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Nodes of one place on the way, one above the other, and what was refused there."""

    nodes: tuple[Node, ...]
    refused: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class _Placed:
    node: Node
    x: int
    y: int
    height: int

    @property
    def middle(self) -> int:
        return self.y + self.height // 2


@dataclass(frozen=True, slots=True)
class _Column:
    """A stage where it is drawn."""

    nodes: tuple[_Placed, ...]
    refused: tuple[_Placed, ...]

    @property
    def bottom(self) -> int:
        last = (*self.nodes, *self.refused)[-1]
        return last.y + last.height


def draw(stages: Sequence[Stage], *, across: int, name: str, description: str) -> Markup:
    """The stages with `across` of them in a line. `name` tells the pictures of one page apart."""
    lines, height = _place(stages, across)
    width = 2 * _MARGIN + across * _WIDTH + (across - 1) * _ACROSS
    columns = [column for line in lines for column in line]
    ways = Markup("").join(Markup('<path d="{}"/>').format(d) for d in _ways(lines, width))
    beside = Markup("").join(Markup('<path class="aside" d="{}"/>').format(d) for d in _asides(columns))
    nodes = Markup("").join(_box(placed) for column in columns for placed in (*column.nodes, *column.refused))
    return Markup(
        '<svg class="graph graph-{0}" viewBox="0 0 {1} {2}" role="group" aria-label="{3}">'
        '<defs><marker id="tip-{0}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" '
        'markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0 0 8 4 0 8Z"/></marker></defs>'
        '<g class="way" marker-end="url(#tip-{0})">{4}</g>{5}{6}</svg>'
    ).format(name, width, height, description, ways, beside, nodes)


def _place(stages: Sequence[Stage], across: int) -> tuple[list[list[_Column]], int]:
    lines: list[list[_Column]] = []
    top = 4
    for start in range(0, len(stages), across):
        tallest = max(len(stage.nodes) for stage in stages[start : start + across])
        band = tallest * _HEIGHT + (tallest - 1) * _DOWN
        line = [
            _column(stage, _MARGIN + place * (_WIDTH + _ACROSS), top, band)
            for place, stage in enumerate(stages[start : start + across])
        ]
        lines.append(line)
        top = max(column.bottom for column in line) + _BETWEEN_LINES
    return lines, top - _BETWEEN_LINES + 4


def _column(stage: Stage, x: int, top: int, band: int) -> _Column:
    own = len(stage.nodes) * _HEIGHT + (len(stage.nodes) - 1) * _DOWN
    first = top + (band - own) // 2
    nodes = tuple(_Placed(node, x, first + i * (_HEIGHT + _DOWN), _HEIGHT) for i, node in enumerate(stage.nodes))
    below = nodes[-1].y + _HEIGHT + _DOWN
    refused = tuple(_Placed(node, x, below + i * (_BRANCH + _DOWN), _BRANCH) for i, node in enumerate(stage.refused))
    return _Column(nodes, refused)


def _ways(lines: Sequence[Sequence[_Column]], width: int) -> Iterator[str]:
    for line in lines:
        for before, after in pairwise(line):
            yield from (_elbow(one, other) for one in before.nodes for other in after.nodes)
    for upper, lower in pairwise(lines):
        gap = max(column.bottom for column in upper) + _BETWEEN_LINES // 2
        for one in upper[-1].nodes:
            for other in lower[0].nodes:
                right, left = one.x + _WIDTH, other.x
                yield f"M{right} {one.middle}H{width - 5}V{gap}H5V{other.middle}H{left - 1}"


def _elbow(one: _Placed, other: _Placed) -> str:
    start, end = one.x + _WIDTH, other.x - 1
    return f"M{start} {one.middle}H{(start + end) // 2}V{other.middle}H{end}"


def _asides(columns: Sequence[_Column]) -> Iterator[str]:
    for column in columns:
        above = column.nodes[-1]
        for refused in column.refused:
            yield f"M{refused.x + 24} {above.y + above.height}V{refused.y}"
            above = refused


def _box(placed: _Placed) -> Markup:
    node, x, y = placed.node, placed.x, placed.y
    rule = "" if node.outline else Markup('<path class="spine" d="M{} {}v{}"/>').format(x + 1.5, y, placed.height)
    return Markup(
        '<a href="#{}" class="node{}"><title>{}</title><rect x="{}" y="{}" width="{}" height="{}"/>{}'
        '<text class="kind" x="{}" y="{}">{}</text><text class="index" x="{}" y="{}">{}</text>'
        '<text class="name" x="{}" y="{}">{}</text><text class="note" x="{}" y="{}">{}</text></a>'
    ).format(
        *(node.section, " outline" if node.outline else "", f"{node.kind}: {node.whole}"),
        *(x, y, _WIDTH, placed.height, rule),
        *(x + 12, y + 20, node.kind, x + _WIDTH - 10, y + 20, _log(node.log)),
        *(x + 12, y + (42 if placed.height == _HEIGHT else 37), node.title),
        *(x + 12, y + placed.height - (13 if placed.height == _HEIGHT else 10), node.note),
    )


def _log(indices: Sequence[int]) -> str:
    if not indices:
        return ""
    return f"log {indices[0]}" if len(indices) == 1 else f"log {indices[0]}, +{len(indices) - 1}"
