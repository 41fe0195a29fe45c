"""What an observer can find out about one person, as a curve: how often they are right against how often wrong.

Everything here bounds any attack, however clever, by any observer who sees the whole trained model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from markupsafe import Markup

from tunewarden.entry.report.figures import percent

Profile = Callable[[Sequence[float]], Sequence[float]]
"""Epsilons, each of any sign -> the least delta that holds with it."""

_LEFT, _TOP, _SIDE = 56, 44, 320
_PLACES = 120
_EPSILONS = [step / 4 for step in range(-40, 41)]
_STYLE = Markup(
    "svg{--ink:#15181d;--paper:#fff;--muted:#454b55;--line:#c9ced6;--accent:#0b3a85;background:var(--paper)}"
    "@media(prefers-color-scheme:dark){svg{--ink:#eceef2;--paper:#14171c;--muted:#b9c0cb;--line:#444b57;"
    "--accent:#a8c7ff}}"
    'text{font:13px system-ui,-apple-system,"Segoe UI","Liberation Sans",Arial,sans-serif;fill:var(--ink)}'
    ".title{font-weight:600}.tick{fill:var(--muted);font-size:12px}.grid{stroke:var(--line)}"
    "path{fill:none}.coin{stroke:var(--muted);stroke-dasharray:4 3}.promise{stroke:var(--ink);stroke-width:1.5}"
    ".here{stroke:var(--accent);stroke-width:3}text.here{stroke:none;fill:var(--accent)}"
)


@dataclass(frozen=True, slots=True)
class Point:
    """Of everybody whose data was not used, the share called used; and of those whose data was, the largest share."""

    wrong: float
    right: float


def promised(epsilon: float, delta: float) -> list[Point]:
    """The corners of what epsilon and delta alone rule out (Kairouz, Oh and Viswanath, arXiv 1311.0776, section 2)."""
    odds = _exp(epsilon)
    knee = (1 - delta) / (1 + odds)
    return [Point(0, delta), Point(knee, 1 - knee), Point(1 - delta, 1), Point(1, 1)]


def curve(profile: Profile) -> list[Point]:
    """What the mechanism itself rules out: the least of e^epsilon wrong + delta(epsilon) over all epsilons.

    Dong, Roth and Su, arXiv 1905.02383, proposition 2.12. Valid for every choice of epsilons, here 81 of them.
    """
    lines = list(zip(map(_exp, _EPSILONS), profile(_EPSILONS), strict=True))
    places = sorted({*(step / _PLACES for step in range(_PLACES + 1)), *(10 ** (-step / 4) for step in range(4, 25))})
    return [Point(wrong, min(1.0, *(odds * wrong + delta for odds, delta in lines))) for wrong in places]


def most_right(points: Sequence[Point]) -> Decimal:
    """How often an observer is right at most for whom both are equally likely beforehand; rounded up, in [0.5, 1]."""
    best = max((1 - point.wrong + point.right) / 2 for point in points)
    return min(Decimal(1), Decimal(f"{best:.5f}") + Decimal("0.00001"))


def picture(epsilon: Decimal, delta: Decimal, here: Sequence[Point]) -> Markup:
    """A drawing that stands alone, 480 by 510: the coin, the promise and the mechanism."""
    often = percent(most_right(here), ROUND_CEILING)
    title = f"An observer is right {often} of the time at most"
    body = Markup("").join(
        (
            _path("coin", [Point(0, 0), Point(1, 1)]),
            _path("promise", promised(float(epsilon), float(delta))),
            _path("here", here),
        )
    )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 510" width="480" height="510" role="img" '
        'aria-label="{title}; a coin is right half of the time."><style>{style}</style>'
        '<text class="title" x="16" y="24">{title}</text>{axes}{body}{words}</svg>\n'
    ).format(title=title, style=_STYLE, axes=_axes(), body=body, words=_words(epsilon, delta))


def _axes() -> Markup:
    lines = Markup("").join(
        Markup(
            '<path class="grid" d="M{x} {top}V{bottom}M{left} {y}H{right}"/>'
            '<text class="tick" text-anchor="middle" x="{x}" y="{below}">{share} %</text>'
            '<text class="tick" text-anchor="end" x="{beside}" y="{level}">{share} %</text>'
        ).format(
            x=_x(share / 100),
            y=_y(share / 100),
            top=_TOP,
            bottom=_TOP + _SIDE,
            left=_LEFT,
            right=_LEFT + _SIDE,
            below=_TOP + _SIDE + 18,
            beside=_LEFT - 8,
            level=float(_y(share / 100)) + 4,
            share=share,
        )
        for share in (0, 50, 100)
    )
    return lines + Markup('<text x="{x}" y="{y}">{one}</text><text x="{x}" y="{z}">{other}</text>').format(
        x=_LEFT - 40,
        y=_TOP + _SIDE + 44,
        z=_TOP + _SIDE + 64,
        one="Across: of those whose data was not used, how many are called used.",
        other="Upwards: of those whose data was used, how many are found, at most.",
    )


def _words(epsilon: Decimal, delta: Decimal) -> Markup:
    """Names of the lines, below the picture where they cannot hide one another."""
    y = _TOP + _SIDE + 88
    return Markup(
        '<text class="here" x="16" y="{}">Thick: what this training can give away.</text>'
        '<text x="16" y="{}">Thin: what epsilon {} and delta {} alone would allow.</text>'
        '<text class="tick" x="16" y="{}">Dashed: a coin, which knows nothing.</text>'
    ).format(y, y + 20, f"{epsilon:f}", f"{delta:f}", y + 40)


def _path(name: str, points: Sequence[Point]) -> Markup:
    places = " L".join(f"{_x(point.wrong)} {_y(point.right)}" for point in points)
    return Markup('<path class="{}" d="M{}"/>').format(name, places)


def _x(share: float) -> str:
    return f"{_LEFT + share * _SIDE:.1f}"


def _y(share: float) -> str:
    return f"{_TOP + (1 - share) * _SIDE:.1f}"


def _exp(epsilon: float) -> float:
    return float(Decimal(epsilon).exp())
