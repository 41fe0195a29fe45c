"""How many held-out texts have a near duplicate among the texts that were trained on.

No person is on both sides (`steps/records.py`), but texts of two persons may be nearly the same: forms, copied notes,
a text that somebody passed on. What is right on such a text may have been learnt by heart. Two texts are near
duplicates as in de-identification: at least 0.8 of their runs of three words are the same, estimated from 64 minima
(MinHash, Broder 1997), sought by 16 bands of 4 (`steps/deidentify/duplicates.py`). Texts without a word are not
compared.

Only sketches of the held-out texts are kept; those that were trained on go by one at a time. One person of the training
side could make every held-out text a near duplicate, so the share has no bound that one person keeps and no noisy
figure of it is made: it is looked for only where the records of both sides are public. What de-identification counts
over all released texts of everybody, `deid.duplicate_share`, is stated for every dataset.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tunewarden.steps.deidentify.duplicates import ALIKE, BANDS, Sketch, similarity, sketch, words_in
from tunewarden.steps.measure.intervals import Booleans
from tunewarden.steps.records import Manifest, Side, read_records, side
from tunewarden.usecases.ports import Blobs


def overlapping(held_out: Sequence[str], trained_on: Iterable[str]) -> Booleans:
    """Which of the held-out texts have a near duplicate among those trained on: bool[held out]."""
    sketches = {row: sketch(words) for row, text in enumerate(held_out) if (words := words_in(text))}
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for row, minima in sketches.items():
        for key in _bands(minima):
            buckets[key].append(row)
    found = np.zeros(len(held_out), dtype=np.bool_)
    for text in trained_on:
        if words := words_in(text):
            minima = sketch(words)
            near = {row for key in _bands(minima) for row in buckets.get(key, ()) if not found[row]}
            for row in near:
                found[row] = float(similarity(sketches[row], minima)) >= ALIKE
    return found


def trained_texts(blobs: Blobs, manifest: Manifest) -> Iterator[str]:
    """Every released text of the training side, as it was written. Raises `NotFound`, or `Corrupted` at the end."""
    for record in read_records(blobs, manifest):
        if side(record) is Side.TRAINING:
            yield record.text


def _bands(minima: Sketch) -> Iterator[tuple[int, bytes]]:
    for place, band in enumerate(np.split(minima, BANDS)):
        yield place, band.tobytes()
