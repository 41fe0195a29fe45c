"""Reading documents that others wrote: what is missing or of another form is None, never an error.

A report is also made of models that an earlier version trained, whose documents have fewer parts. What cannot be read
is shown as not assessed. Only plans, gates and evidence, which decide, are read strictly (`from_plain`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from tunewarden.domain.canonical import Plain, decode
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value with its 95 % interval."""

    low: Decimal
    value: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Part:
    """Some part of a document, or the lack of it."""

    value: Plain = None

    def at(self, *names: str) -> "Part":
        """The member that the names lead to."""
        value = self.value
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return Part(value)

    def items(self) -> Iterator["Part"]:
        """The items of an array."""
        if isinstance(self.value, list):
            yield from (Part(item) for item in self.value)

    def members(self) -> Iterator[tuple[str, "Part"]]:
        """The members of an object, by name."""
        if isinstance(self.value, Mapping):
            yield from ((name, Part(self.value[name])) for name in sorted(self.value))

    @property
    def text(self) -> str | None:
        """A string."""
        return self.value if isinstance(self.value, str) else None

    @property
    def whole(self) -> int | None:
        """A whole number."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    @property
    def number(self) -> Decimal | None:
        """A finite decimal, which travels as a string, or a whole number."""
        whole = self.whole
        if whole is not None:
            return Decimal(whole)
        try:
            number = Decimal(self.text or "")
        except InvalidOperation:
            return None
        return number if number.is_finite() else None

    @property
    def figure(self) -> Figure | None:
        """An object with low <= value <= high."""
        low, value, high = self.at("low").number, self.at("value").number, self.at("high").number
        if low is None or value is None or high is None or not low <= value <= high:
            return None
        return Figure(low=low, value=value, high=high)


def document(documents: Mapping[Digest, bytes], digest: Digest | None) -> Part:
    """The document with this digest; an empty part where there is none or it is not canonical JSON."""
    data = None if digest is None else documents.get(digest)
    if data is None:
        return Part()
    try:
        return Part(decode(data))
    except Corrupted:
        return Part()
