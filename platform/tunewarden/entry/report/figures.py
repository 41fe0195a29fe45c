"""Numbers, times and digests as a person reads them. Rounding never makes an interval narrower than it is."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Protocol

from tunewarden.domain.canonical import decimal_text, instant_text

_MINUS = "\N{MINUS SIGN}"
_DASH = "\N{EN DASH}"
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_DIGEST = "sha256:"
_SHOWN = 12  # characters
_SPACE = "\N{NO-BREAK SPACE}"


class Interval(Protocol):
    """Anything with a value between two ends."""

    @property
    def low(self) -> Decimal: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def high(self) -> Decimal: ...


def exact(number: Decimal | int) -> str:
    """Every digit that was recorded."""
    text = f"{number:,}" if isinstance(number, int) else _grouped(decimal_text(number))
    return text.replace("-", _MINUS)


def interval(figure: Interval, places: int = 2) -> str:
    """`0.83 (0.79 to 0.87)` in short: a dash between the ends, or "to" where one of them is negative."""
    quantum = Decimal(1).scaleb(-places)
    low = figure.low.quantize(quantum, ROUND_FLOOR)
    high = figure.high.quantize(quantum, ROUND_CEILING)
    value = figure.value.quantize(quantum, ROUND_HALF_EVEN)
    return _joined(f"{value + 0}", f"{low + 0}", f"{high + 0}")


def exact_interval(figure: Interval) -> str:
    """Like `interval`, with every digit that was judged; a figure that is exact has no interval."""
    if figure.low == figure.high:
        return exact(figure.value)
    return _joined(*(decimal_text(number) for number in (figure.value, figure.low, figure.high)))


def percent(share: Decimal, rounding: str = ROUND_HALF_EVEN) -> str:
    """A share in percent: as many places as it takes not to call 99.97 % certain."""
    number = share * 100
    for places in (0, 1, 2, 3, 4):
        rounded = number.quantize(Decimal(1).scaleb(-places), rounding)
        if abs(rounded - number) <= abs(100 - number) / 4 or rounded == number:
            break
    return f"{decimal_text(rounded)}{_SPACE}%"


def count(number: int, one: str, many: str = "") -> str:
    """`1 person`, `1,204 persons`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`; "none" for nothing."""
    parts = list(words)
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) or "none"


def short(name: str) -> str:
    """The first 12 characters of a digest, or the last 12 of an identifier, which begins with the time it was made."""
    if name.startswith(_DIGEST):
        return f"{name[len(_DIGEST) :][:_SHOWN]}{_ELLIPSIS}"
    kind, mark, rest = name.partition("-")
    return f"{kind}{mark}{_ELLIPSIS}{rest[-_SHOWN:]}" if len(rest) > _SHOWN else name


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Neighbours together, each as first and last: 4, 9, 10, 11 -> (4, 4), (9, 11)."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def is_name(text: str) -> bool:
    """Whether it is a digest or an identifier of ours, which `short` may cut."""
    return text.startswith(_DIGEST) or (len(text.rpartition("-")[2]) == 32 and " " not in text)


def instant(at: datetime) -> str:
    """ISO 8601 in UTC, to the second; the log has milliseconds."""
    return f"{instant_text(at)[:19]}Z"


def duration(span: timedelta) -> str:
    """In words: `3 min 12 s`."""
    seconds = round(span.total_seconds())
    if seconds < 1:
        return "less than 1 s"
    hours, minutes = divmod(seconds // 60, 60)
    parts = [(hours, "h"), (minutes, "min"), (seconds % 60, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _joined(value: str, low: str, high: str) -> str:
    between = f"{_SPACE}to{_SPACE}" if "-" in low + high else _DASH
    return f"{value}{_SPACE}({low}{between}{high})".replace("-", _MINUS)


def _grouped(text: str) -> str:
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if len(whole) > 4 and whole.isdigit() else text
