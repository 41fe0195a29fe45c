"""How much is found on texts that the platform is shown with: generated notes with known spans, real narratives."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from tunewarden.domain.names import Digest
from tunewarden.entry.cli.notes import generate
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.planted import covered
from tunewarden.steps.deidentify.residual import planted_recall, recall_measurements

NARRATIVES = Path(__file__).parents[4] / "shared" / "data" / "neiss-fireworks" / "df_injury_clean2.csv"
SOME = Digest("sha256:" + "7" * 64)


def test_generated_notes_lose_their_identifiers_and_little_else(default: Deidentifier) -> None:
    found: Counter[str] = Counter()
    known: Counter[str] = Counter()
    needless = taken = 0
    notes = list(generate(300, 11))
    for note, spans in zip(notes, default.transformed([note.text for note in notes]), strict=True):
        for gold in note.spans:
            known[gold.entity] += 1
            found[gold.entity] += covered(note.text, gold.start, gold.end, spans)
        others = [s for s in spans if not any(g.start < s.end and s.start < g.end for g in note.spans)]
        needless += sum(span.end - span.start for span in others if span.entity not in {"age", "organisation"})
        taken += len(note.text)
    assert found["name"] / known["name"] > 0.98
    for kind in ("medical-record", "phone", "email", "date", "address"):
        assert found[kind] / known[kind] > 0.98, kind
    assert needless / taken < 0.02


@pytest.mark.skipif(not NARRATIVES.exists(), reason="the NEISS narratives are not beside this repository")
def test_real_upper_case_narratives_stay_readable_and_what_is_planted_in_them_is_found(default: Deidentifier) -> None:
    with NARRATIVES.open(encoding="utf-8", newline="") as stream:
        texts = [row["Narrative"] for row in csv.DictReader(stream)][:400]
    hidden = [span for spans in default.transformed(texts) for span in spans if span.entity != "age"]
    assert sum(span.end - span.start for span in hidden) / sum(map(len, texts)) < 0.045
    recall = planted_recall(default.transformed, texts, len(texts), SOME, each=12)
    (together,) = [each for each in recall_measurements(recall) if each.metric == "deid.planted_recall"]
    assert together.low > 0.95
