"""Exact and near duplicates among the released texts, counted: what a model reads often, it learns by heart.

Repeated texts are what language models memorise (Lee et al. 2022, ACL, arXiv 2107.06499). Two texts are near
duplicates if at least 0.8 of their runs of three words are the same (Jaccard), as estimated from 64 minima (MinHash,
Broder 1997); pairs are sought by 16 bands of 4 minima each, of which one is equal in 99.98 % of the pairs at 0.8 and in
4.9 % of the pairs at 0.2.

Nothing is left out because of it: a text may rightly be like another one. How much of one person can be drawn in an
update is capped by the plan (`Recipe.rows_per_person`), duplicates or not; texts that several persons share are what
no such cap sees, so they are told apart here.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from hashlib import blake2b
from unicodedata import normalize
from zlib import crc32

import numpy as np
import numpy.typing as npt
import regex
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tunewarden.domain.gates import Measurement
from tunewarden.steps.deidentify.residual import exact

SHARE = "deid.duplicate_share"

ALIKE = 0.8
"""Texts that share this much of their runs of words are near duplicates."""

_MINIMA, BANDS = 64, 16
_RUN = 3
_PIECE = 4096  # runs of words hashed at once: 64 times 8 bytes each
_SHARE = Decimal("0.000001")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_RANDOM = np.random.default_rng(20260101)  # fixed: the same texts have the same sketch
_FACTORS = _RANDOM.integers(1, 1 << 63, size=_MINIMA, dtype=np.uint64) | np.uint64(1)
_OFFSETS = _RANDOM.integers(0, 1 << 63, size=_MINIMA, dtype=np.uint64)
_SPREAD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)  # odd, else arbitrary

Sketch = npt.NDArray[np.uint32]
Words = npt.NDArray[np.uint64]


class Duplicates:
    """Sketches of the released texts: 280 bytes a text, whatever its length, and 90 a person."""

    def __init__(self) -> None:
        self._sketches, self._digests, self._persons = bytearray(), bytearray(), bytearray()
        self._numbers: dict[bytes, int] = {}
        self._empty = 0

    def see(self, person: str, text: str) -> None:
        """Take one released text in. `person` is the pseudonym. A text without a word is counted and not compared."""
        words = words_in(text)
        if not words:
            self._empty += 1
            return
        number = self._numbers.setdefault(bytes.fromhex(person), len(self._numbers))
        self._sketches += sketch(words).tobytes()
        self._digests += blake2b(" ".join(words).encode(), digest_size=16).digest()
        self._persons += number.to_bytes(8, "little")

    def table(self) -> Mapping[str, int | str]:
        """What the evidence says: how many texts repeat an earlier one, of the same person or of another one."""
        digests = np.frombuffer(self._digests, dtype=np.dtype((np.void, 16)))
        exact_group = np.unique(digests, return_inverse=True)[1] if len(digests) else np.zeros(0, dtype=np.int64)
        persons = np.frombuffer(self._persons, dtype=np.int64)
        sketches = np.frombuffer(self._sketches, dtype=np.uint32).reshape(-1, _MINIMA)
        group = _grouped(sketches, exact_group)
        texts = len(persons)
        groups = len(np.unique(group))
        within = texts - len(np.unique(np.stack([group, persons]), axis=1).T) if texts else 0
        return {
            "texts": texts,
            "without_words": self._empty,
            "repeat_an_earlier_text": texts - groups,
            "of_these_word_for_word": texts - len(np.unique(exact_group)),
            "of_these_of_the_same_person": within,
            "largest_group": int(np.unique(group, return_counts=True)[1].max(initial=0)),
            "most_alike_texts_of_one_person": int(
                np.unique(np.stack([group, persons]), axis=1, return_counts=True)[1].max(initial=0)
            ),
            "alike_from": str(ALIKE),
        }

    def measurement(self) -> Measurement:
        """The share of texts that repeat an earlier one, word for word or nearly."""
        table = self.table()
        texts = int(table["texts"])
        repeated = Decimal(int(table["repeat_an_earlier_text"])) / max(1, texts)
        return exact(SHARE, repeated.quantize(_SHARE, ROUND_CEILING), texts)


def sketch(words: list[str]) -> Sketch:
    """The minima of the runs of three words of a text, uint32[64]; of at least one word."""
    hashed = np.fromiter((crc32(word.encode()) for word in words), dtype=np.uint64, count=len(words))
    runs = _runs(hashed)
    minima = np.full(_MINIMA, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(runs), _PIECE):
        piece = runs[start : start + _PIECE]
        minima = np.minimum(minima, (_FACTORS[:, None] * piece[None, :] + _OFFSETS[:, None]).min(axis=1))
    return (minima >> np.uint64(32)).astype(np.uint32)


def similarity(first: Sketch, second: Sketch) -> npt.NDArray[np.float64]:
    """The estimated share of runs of words that two texts have in common (Jaccard): of sketches, uint32[..., 64],
    float64[...]."""
    return np.asarray(np.mean(first == second, axis=-1), dtype=np.float64)


def words_in(text: str) -> list[str]:
    """The words of a text as they are compared: in small letters, without signs between them."""
    words: list[str] = _WORD.findall(normalize("NFKC", text).casefold())
    return words


def _runs(hashed: Words) -> Words:
    """One number for each run of three words; for a shorter text, one for all of it. uint64[n]."""
    if len(hashed) < _RUN:
        whole: Words = (hashed * _SPREAD[: len(hashed)]).sum(keepdims=True, dtype=np.uint64)
        return whole
    parts = [hashed[place : len(hashed) - _RUN + 1 + place] * _SPREAD[place] for place in range(_RUN)]
    mixed: Words = parts[0] ^ (parts[1] << np.uint64(1)) ^ (parts[2] << np.uint64(2))
    return np.unique(mixed ^ (mixed >> np.uint64(29)))


def _grouped(sketches: npt.NDArray[np.uint32], exact_group: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A group for each text, int64[texts]: the first text of those it is alike to, directly or through others."""
    group = _joined(np.arange(len(sketches), dtype=np.int64), _neighbours(exact_group))
    width = _MINIMA // BANDS
    for band in range(BANDS):
        columns = np.ascontiguousarray(sketches[:, band * width : (band + 1) * width])
        keys = np.unique(columns.view(np.dtype((np.void, 4 * width))).ravel(), return_inverse=True)[1]
        pairs = _neighbours(keys)
        alike = np.zeros(len(pairs), dtype=np.bool_)
        for start in range(0, len(pairs), _PIECE):  # where nearly all texts are alike, all at once would be much
            piece = pairs[start : start + _PIECE]
            alike[start : start + _PIECE] = similarity(sketches[piece[:, 0]], sketches[piece[:, 1]]) >= ALIKE
        group = _joined(group, pairs[alike])
    return group


def _joined(group: npt.NDArray[np.int64], pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The groups once the groups of each pair of texts are one; a group is named by its first text."""
    texts = np.arange(len(group))
    edges = np.concatenate([texts, pairs[:, 0]]), np.concatenate([group, pairs[:, 1]])
    graph = coo_array((np.ones(len(edges[0]), dtype=np.bool_), edges), shape=(len(group), len(group)))
    part = connected_components(graph, directed=False)[1]
    return np.asarray(np.unique(part, return_index=True)[1][part], dtype=np.int64)


def _neighbours(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Pairs of texts with the same key, int64[pairs, 2]: each with the one before it, and with the first of them."""
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    begins = np.maximum.accumulate(np.where(np.append(True, ~same), np.arange(len(order)), 0)) if len(order) else order
    before = np.stack([order[:-1][same], order[1:][same]], axis=1)
    first = np.stack([order[begins[1:][same]], order[1:][same]], axis=1)
    return np.concatenate([before, first])
