"""Counting what stands in a table while its rows go by, for the data report.

Of a row 40 bytes are kept (hashes of its text and its person, and in which cells it falls), so a million rows take
some 40 MB however long they are. Texts are compared by 64 bits of BLAKE2b: among a million different texts one pair is
taken for equal with a probability of 3 in 10^8.
"""

import re
import unicodedata
from array import array
from collections.abc import Callable, Sequence, Set
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from tunewarden.domain.data_report import Cell, DataReport, Form, size_class, tellable, unnamed

CountTokens = Callable[[str], int]
"""A text -> how many tokens a base model reads it as."""

_SCRIPTS = (
    "none LATIN CYRILLIC GREEK ARABIC HEBREW DEVANAGARI BENGALI TAMIL THAI CJK HIRAGANA KATAKANA HANGUL ARMENIAN "
    "GEORGIAN ETHIOPIC other"
).split()
_BEGINNING = 400  # characters of a text that its script is told by
_SIGNS = re.compile(r"[\W\d_]+")
_MOST_CLASSES = 10_000  # beyond, a label is most likely no class; they are counted together
_REPEATS = ("first", "own-word-for-word", "other-word-for-word", "alike")

_Numbers = npt.NDArray[np.int64]


class DataSurvey:
    """What was seen so far. `see` every row, then `report` once."""

    def __init__(self, count_tokens: CountTokens | None = None) -> None:
        self._count_tokens = count_tokens
        self._texts, self._likes, self._firsts, self._owners = array("Q"), array("Q"), array("Q"), array("Q")
        self._labels, self._scripts, self._blanks = array("H"), array("B"), array("B")
        self._lengths, self._completions, self._tokens = array("B"), array("B"), array("B")
        self._classes: dict[str, int] = {}

    def see(
        self,
        *,
        text: str,
        owners: Sequence[str],
        label: str | None = None,
        completion: str | None = None,
        is_blank: bool = False,
    ) -> None:
        """Take one row in. `owners` are the persons it belongs to, at least one; blank parts are "", not None."""
        whole = text if completion is None else f"{text}\n{completion}"
        spoken = _SIGNS.sub(" ", whole.casefold()).strip()
        self._texts.append(_hash(whole))
        self._likes.append(_hash(spoken or whole))
        persons = [_hash(owner) for owner in owners]
        self._firsts.append(persons[0])
        self._owners.extend(persons)
        self._blanks.append(is_blank)
        self._scripts.append(_script(whole))
        self._lengths.append(len(text).bit_length())
        if completion is not None:
            self._completions.append(len(completion).bit_length())
        if label is not None:
            label = label if label.strip() else "no-label"
            known = len(self._classes) < _MOST_CLASSES or label in self._classes
            self._labels.append(self._classes.setdefault(label, len(self._classes)) if known else _MOST_CLASSES)
        if self._count_tokens is not None:
            self._tokens.append(self._count_tokens(whole).bit_length())

    def report(self, form: Form, columns: int) -> DataReport:
        """What may be told of it; of at least one row."""
        people, per_person = np.unique(np.frombuffer(self._owners, dtype=np.uint64), return_counts=True)
        return DataReport(
            form=form,
            rows=len(self._texts),
            persons=len(people),
            columns=columns,
            repeats=self._told(self._repeats(), _REPEATS),
            agreement=self._told(self._contradicted(), ("agrees", "contradicted")) if self._labels else (),
            blanks=self._told(_numbers(self._blanks), ("complete", "blank")),
            classes=self._by_class(),
            scripts=self._told(_numbers(self._scripts), _SCRIPTS, is_nameless=True),
            text_lengths=self._by_size(self._lengths),
            completion_lengths=self._by_size(self._completions),
            token_lengths=self._by_size(self._tokens),
            persons_by_rows=_persons_by_rows(per_person),
        )

    def _told(self, places: _Numbers, names: Sequence[str], *, is_nameless: bool = False) -> tuple[Cell, ...]:
        """The cells that the rows fall into, by the place of the name: int64[rows]. Those held back may lose theirs."""
        firsts = np.frombuffer(self._firsts, dtype=np.uint64)

        def together(hidden: Set[str]) -> int:
            these = [place for place, name in enumerate(names) if name in hidden]
            return len(np.unique(firsts[np.isin(places, these)]))

        told = tellable(self._cells(places, names), together)
        return unnamed(told) if is_nameless else told

    def _cells(self, places: _Numbers, names: Sequence[str]) -> list[Cell]:
        rows = np.bincount(places, minlength=len(names))
        firsts = np.frombuffer(self._firsts, dtype=np.uint64)
        order = np.lexsort((firsts, places))
        begins = _changes(places[order]) | _changes(firsts[order])
        persons = np.bincount(places[order][begins], minlength=len(names))
        counted = zip(names, rows, persons, strict=True)
        return [Cell(name=name, rows=int(some), persons=int(several)) for name, some, several in counted]

    def _by_size(self, sizes: "array[int]") -> tuple[Cell, ...]:
        if not sizes:
            return ()
        return self._told(_numbers(sizes), [size_class((1 << bits) >> 1) for bits in range(max(sizes) + 1)])

    def _by_class(self) -> tuple[Cell, ...]:
        if not self._labels:
            return ()
        places = _numbers(self._labels)
        rows = np.bincount(places)
        names = [*self._classes, *["of-further-labels"] * (int(places.max()) == _MOST_CLASSES)]
        order = sorted(range(len(names)), key=lambda place: (-int(rows[place]), names[place]))
        return self._told(np.argsort(order)[places], [names[place] for place in order], is_nameless=True)

    def _repeats(self) -> _Numbers:
        """For every row its place in `_REPEATS`."""
        texts = np.frombuffer(self._texts, dtype=np.uint64)
        firsts = np.frombuffer(self._firsts, dtype=np.uint64)
        found = np.zeros(len(texts), dtype=np.int64)
        found[_later(np.frombuffer(self._likes, dtype=np.uint64))] = 3
        found[_later(texts)] = 2
        found[_later(texts, firsts)] = 1
        return found

    def _contradicted(self) -> _Numbers:
        """1 for every row whose text another row has with another class."""
        texts = np.frombuffer(self._texts, dtype=np.uint64)
        order = np.lexsort((_numbers(self._labels), texts))
        begins = _changes(texts[order])
        group = np.cumsum(begins) - 1
        several = np.bincount(group, weights=_changes(_numbers(self._labels)[order]) & ~begins) > 0
        found = np.zeros(len(texts), dtype=np.int64)
        found[order] = several[group]
        return found


def _persons_by_rows(counts: _Numbers) -> tuple[Cell, ...]:
    bits = np.array([int(count).bit_length() for count in range(int(counts.max()) + 1)])[counts]
    cells = []
    for size in range(1, int(bits.max()) + 1):
        those = counts[bits == size]
        cells.append(Cell(name=size_class((1 << size) >> 1), rows=int(those.sum()), persons=len(those)))
    return tellable(cells, lambda hidden: sum(cell.persons or 0 for cell in cells if cell.name in hidden))


def _later(*keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The places of rows that an earlier one equals in every key."""
    order = np.lexsort(keys)  # stable: of equal ones the earliest stands first
    begins = np.zeros(len(order), dtype=np.bool_)
    for key in keys:
        begins |= _changes(key[order])
    return np.asarray(order[~begins], dtype=np.int64)


def _changes(values: npt.NDArray[np.uint64] | _Numbers) -> npt.NDArray[np.bool_]:
    """Where a value is another one than that before it; the first is."""
    return np.append(np.True_, values[1:] != values[:-1])


def _numbers(values: "array[int]") -> _Numbers:
    return np.array(values, dtype=np.int64)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _script(text: str) -> int:
    """The place in `_SCRIPTS` of the script that most letters of the beginning are of."""
    beginning = text[:_BEGINNING]
    if beginning.isascii():
        return int(any(map(str.isalpha, beginning)))
    found = [_script_of(character) for character in beginning if character.isalpha()]
    return max(set(found), key=lambda script: (found.count(script), -script)) if found else 0


@lru_cache(maxsize=65_536)
def _script_of(letter: str) -> int:
    name = unicodedata.name(letter, "other").partition(" ")[0]
    return _SCRIPTS.index(name) if name in _SCRIPTS else len(_SCRIPTS) - 1
