"""How much is found on texts that the platform is shown with: generated notes with known spans, real narratives."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from tunewarden.domain.gates import Evidence, Outcome, judge
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.drivers.policies import FilePolicies
from tunewarden.entry.cli.notes import generate
from tunewarden.steps.deidentify.detector import Deidentifier
from tunewarden.steps.deidentify.planted import covered
from tunewarden.steps.deidentify.residual import Rescan, planted_recall, recall_measurements

NARRATIVES = Path(__file__).parents[4] / "shared" / "data" / "neiss-fireworks" / "df_injury_clean2.csv"
SOME = Digest("sha256:" + "7" * 64)


def test_generated_notes_lose_their_identifiers_and_little_else(default: Deidentifier) -> None:
    found: Counter[str] = Counter()
    known: Counter[str] = Counter()
    needless = 0
    for note in generate(400, 11):
        spans = default.find(note.text, [note.person])
        for gold in note.spans:
            known[gold.entity] += 1
            found[gold.entity] += covered(note.text, gold.start, gold.end, spans)
        needless += sum(not any(g.start < s.end and s.start < g.end for g in note.spans) for s in spans)
    assert found["name"] / known["name"] > 0.97
    for kind in ("medical-record", "phone", "email", "date", "address"):
        assert found[kind] / known[kind] > 0.99, kind
    assert needless / sum(known.values()) < 0.02


@pytest.mark.skipif(not NARRATIVES.exists(), reason="the NEISS narratives are not beside this repository")
def test_real_upper_case_narratives_pass_the_gate_and_stay_readable(
    default: Deidentifier, policies: FilePolicies
) -> None:
    with NARRATIVES.open(encoding="utf-8", newline="") as stream:
        texts = [row["Narrative"] for row in csv.DictReader(stream)]
    rescan, taken = Rescan(), 0
    for text in texts:
        cleaned = default.clean(text)
        taken += sum(span.end - span.start for span in cleaned.spans)
        rescan.look(default, cleaned.text, "0")
    assert taken / sum(map(len, texts)) < 0.01, "hardly anything in these narratives identifies anybody"
    recall = planted_recall(default, texts, len(texts), SOME, each=150)
    measurements = (*recall_measurements(recall), rescan.measurement())
    evidence = Evidence(about=SOME, produced_by=SOME, measurements=measurements)
    verdict = judge(policies.gate(PolicyName("training")), SOME, [evidence])
    assert verdict.outcome is Outcome.PASS, [item for item in verdict.findings if item.outcome is not Outcome.PASS]
