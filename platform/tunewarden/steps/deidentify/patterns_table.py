"""Patterns tried on a text: where each can begin, and only those that something there can match.

Asking a pattern costs more than the pattern's answer, which is no nearly everywhere. So all patterns that begin with a
number are first asked as one, and so are those that begin with a code: one expression in which each stands as an
alternative finds the places where at least one of them matches. Only there they are asked one by one, from the first
that matched on. Nothing is skipped by it, since the alternatives are the patterns themselves; a test tries every
pattern at every character and finds the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

import regex

from tunewarden.domain.errors import Refused
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.patterns import ANY_RUN, Found, Pattern, Run, Start
from tunewarden.steps.deidentify.spans import Span

MATCH_SECONDS = 20.0
"""For all patterns on one text, beside a second for each `SLOWEST` characters of it."""
SLOWEST = 10_000
TOGETHER = 8
"""Patterns of numbers that are asked as one. With more of them more are asked one by one in vain where one matches."""

_BEGINS: Mapping[Start, str] = {
    Start.NUMBER: r"(?<!\d)(?=\d)",
    Start.CODE: r"(?<![\p{L}\p{M}])(?=\p{L}[\p{L}\p{M}]*+[ \-./#]?\d)",
    Start.WORD: r"(?<![\p{L}\p{M}])",
    Start.ANYWHERE: "",
}
_DIGIT = regex.compile(r"\d")
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*+")
_BY_NUMBER = regex.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")


class Entry(NamedTuple):
    """A pattern ready to be tried, and the group that marks the identifier in its matches."""

    rule: "regex.Pattern[str]"
    group: str | int
    pattern: Pattern

    @classmethod
    def of(cls, pattern: Pattern) -> "Entry":
        """`pattern`, compiled; what its `start` promises is part of it."""
        rule = regex.compile(_BEGINS[pattern.start] + pattern.regex, regex.IGNORECASE)
        return cls(rule, "v" if "v" in rule.groupindex else 0, pattern)


def found(match: "regex.Match[str]", entry: Entry) -> Found | None:
    """What a match of `entry` stands for, if it is one at all."""
    start, end = match.span(entry.group)
    pattern = entry.pattern
    if end <= start or (pattern.valid is not None and not pattern.valid(match.string[start:end])):
        return None
    return Found(Span(start=start, end=end, entity=pattern.entity, score=pattern.score), pattern)


class Screen:
    """Patterns of one start, asked as one for the places where any of them matches.

    Raises `ValueError` for a pattern that refers to a group by its number: among others it has another one.
    """

    _LONGEST_RUN = 20  # longer runs of digits are tried like this one

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._rule = regex.compile(_as_one(entries), regex.IGNORECASE)
        self._of_length = tuple(
            tuple(entry for entry in entries if _may_begin(entry.pattern, length))
            for length in range(self._LONGEST_RUN + 1)
        )

    def places(self, text: str, seconds: float) -> Iterator[tuple[int, Sequence[Entry]]]:
        """Where at least one pattern matches, and those that may.

        Raises `TimeoutError` where that takes longer than `seconds`.
        """
        for match in self._rule.finditer(text, timeout=seconds):
            first, last = match.span("digits")
            yield match.start(), self._of_length[min(last - first, self._LONGEST_RUN)]


def _as_one(entries: Sequence[Entry]) -> str:
    by_run: dict[Run, list[str]] = {}
    for entry in entries:
        by_run.setdefault(entry.pattern.run, []).append(_alternative(entry.pattern))
    alternatives = "|".join(_of_run(run, "|".join(group)) for run, group in by_run.items())
    return f"{_BEGINS[entries[0].pattern.start]}(?=(?<digits>\\d*+))(?={alternatives})"


def _shares(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """The patterns in the shares that are asked as one, those of one length of run beside each other."""
    alike = sorted(entries, key=lambda entry: entry.pattern.run)
    return (alike[start : start + TOGETHER] for start in range(0, len(alike), TOGETHER))


def _may_begin(pattern: Pattern, length: int) -> bool:
    """Whether a pattern may begin with a run of so many digits; 0 is for one that begins with letters."""
    least, most = pattern.run
    return not length or min(least, Screen._LONGEST_RUN) <= length <= most


def _of_run(run: Run, alternatives: str) -> str:
    """These alternatives, asked only before a first run of digits of that length."""
    least, most = run
    if run == ANY_RUN:
        return alternatives
    return rf"(?=\d{{{least},{most}}}+(?!\d))(?:{alternatives})"


def _alternative(pattern: Pattern) -> str:
    if _BY_NUMBER.search(pattern.regex):
        raise ValueError("a pattern refers to a group by its name, not by its number")
    return f"(?:{pattern.regex})"


class Table:
    """Patterns, compiled and sorted by what they begin with."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        sorted_: dict[Start, list[Entry]] = {start: [] for start in Start}
        for pattern in self.patterns:
            sorted_[pattern.start].append(Entry.of(pattern))
        self._screens = [Screen(share) for share in _shares(sorted_[Start.NUMBER])]
        self._screens += [Screen(codes) for codes in (sorted_[Start.CODE],) if codes]
        self._words: dict[str, list[Entry]] = {}
        for entry in sorted_[Start.WORD]:
            for word in entry.pattern.words:
                self._words.setdefault(word, []).append(entry)
        self._anywhere = sorted_[Start.ANYWHERE]

    def find(self, text: str) -> Iterator[Found]:
        """Every match, overlapping as they may. Raises `Refused` where it takes too long (`MATCH_SECONDS`)."""
        deadline = perf_counter() + MATCH_SECONDS + len(text) / SLOWEST
        low = folded(text)
        try:
            for screen in self._screens if _DIGIT.search(text) else ():
                yield from _tried(text, screen.places(text, _left(deadline)), deadline)
            yield from _tried(text, self._labels(text, low), deadline)
            yield from self._found_anywhere(text, low, deadline)
        except TimeoutError as error:
            raise _too_slow() from error

    def _labels(self, text: str, low: str) -> Iterator[tuple[int, Sequence[Entry]]]:
        words = self._words
        for match in _WORD.finditer(text):
            start, end = match.span()
            entries = words.get(low[start:end])
            if entries is not None:
                yield start, entries

    def _found_anywhere(self, text: str, low: str, deadline: float) -> Iterator[Found]:
        for entry in self._anywhere:
            needs = entry.pattern.needs
            if needs and not any(need in low for need in needs):
                continue
            for match in entry.rule.finditer(text, timeout=_left(deadline)):
                if (each := found(match, entry)) is not None:
                    yield each


def _tried(text: str, places: Iterable[tuple[int, Sequence[Entry]]], deadline: float) -> Iterator[Found]:
    """What the entries of each place match there."""
    for start, entries in places:
        left = _left(deadline)
        for entry in entries:
            match = entry.rule.match(text, start, timeout=left)
            if match is not None and (each := found(match, entry)) is not None:
                yield each


def _left(deadline: float) -> float:
    """Seconds until `deadline`. Raises `TimeoutError` behind it."""
    left = deadline - perf_counter()
    if left <= 0:
        raise TimeoutError
    return left


def _too_slow() -> Refused:
    return Refused(
        "text_too_slow",
        "Looking for identifiers took too long.",
        remedy="Split the text of this record.",
        who="steward",
    )
