"""A base model small enough to train in milliseconds, a plan for it, and made-up records of made-up persons."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.names import DatasetId, Digest, PolicyName, RequestId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import BaseModel, Plan, Recipe, StepName
from tunewarden.steps.records import CleanRecord, Manifest, ProtectedRow, store_lines
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.checkpoint import Belonging
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextClassifier, build
from tunewarden.steps.train.recipe import Training
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import tokenize
from tunewarden.usecases.ports import Attempt, Blobs
from tunewarden.usecases.work import Receipt

WORDS = ("burn", "fire", "hand", "rocket", "eye", "cut", "smoke", "left", "right", "finger")
SOURCE, PROFILE = digest_of("records"), digest_of("profile")
RECIPE = Recipe(lora_rank=2, lora_alpha=4, max_tokens=8, expected_units=16, rows_per_person=2)
MECHANISM = Mechanism(
    unit=PrivacyUnit.PERSON,
    relation=Relation.ADD_OR_REMOVE_ONE,
    sampling_rate=Decimal("0.5"),
    noise_multiplier=Decimal("1.5"),
    updates=3,
)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny matrices are slower on several threads than on one."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of such an encoder with a vocabulary of a dozen words."""
    return store_encoder(tmp_path_factory.mktemp("base"))


def store_encoder(directory: Path, vocabulary: Sequence[str] = WORDS) -> Path:
    """A BERT encoder of two narrow layers and random weights that knows these words."""
    specials = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    known = {word: i for i, word in enumerate((*specials, *vocabulary))}
    words = tokenizers.Tokenizer(WordLevel(known, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, **named).save_pretrained(directory)
    shape = transformers.BertConfig(
        vocab_size=len(known),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    transformers.BertModel(shape).save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def plan(base: Path) -> Plan:
    return Plan(
        base_model=BaseModel(name=PolicyName("tiny"), digest=file_digest(base / "model.safetensors")),
        dataset=DatasetId("dst-1"),
        dataset_version=SOURCE,
        profile=PROFILE,
        training_gate=digest_of("gate"),
        purpose=Purpose.RESEARCH,
        recipe=RECIPE,
        mechanism=MECHANISM,
        epsilon=Decimal(8),
        delta=Decimal("0.0001"),
    )


@pytest.fixture
def model(base: Path, plan: Plan) -> TextClassifier:
    """With LoRA matrices that are not zero, so that every gradient is there from the first update on."""
    built, _ = build(base, plan.base_model.digest, plan.recipe, 2)
    with torch.no_grad():
        for parameter in built.trainable().values():
            parameter.normal_(std=0.5)
    return built


@pytest.fixture(scope="session")
def rows_of(base: Path, plan: Plan) -> Callable[[Sequence[int]], Rows]:
    """Makes rows from the number of rows of each person; texts of different length, labels by turns."""
    tokenizer = build(base, plan.base_model.digest, plan.recipe, 2)[1]

    def make(counts: Sequence[int]) -> Rows:
        texts = [" ".join(WORDS[(row * 3 + j) % 10] for j in range(1 + row % 6)) for row in range(sum(counts))]
        return Rows(
            tokens=tokenize(tokenizer, texts, plan.recipe),
            labels=np.arange(len(texts), dtype=np.int64) % 2,
            starts=np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        )

    return make


def pseudonym(person: int) -> str:
    return hashlib.sha256(str(person).encode()).hexdigest()


def store_clean(blobs: Blobs, persons: int, profile: Digest = PROFILE, labels: Sequence[int] = (0, 1)) -> Digest:
    """De-identified records of so many persons, one row for each of `labels`; the label is in the words."""
    records = [
        CleanRecord(person=pseudonym(person), label=label, text=("BURN fire", "cut finger")[label % 2])
        for person in range(persons)
        for label in labels
    ]
    return store_records(blobs, records, profile=profile, persons=persons)


def store_records(
    blobs: Blobs, records: Sequence[CleanRecord], *, profile: Digest = PROFILE, persons: int = 0, classes: int = 2
) -> Digest:
    texts = store_lines(blobs, records)
    protected = store_lines(blobs, [ProtectedRow(person=record.person, protected={}) for record in records])
    manifest = Manifest(
        records=texts.digest,
        root=texts.root,
        protected=protected.digest,
        protected_root=protected.root,
        profile=profile,
        detector=SOURCE,
        source=SOURCE,
        rows=texts.count,
        persons=persons,
        classes=classes,
    )
    return blobs.put_bytes(encode(to_plain(manifest)))


@dataclass(slots=True)
class Purse:
    """A ledger of one training: what was charged, in this order. `during` is called first, and may refuse."""

    during: Callable[[int], None] = lambda _updates: None
    charged: list[int] = field(default_factory=list)

    def charge(self, updates: int) -> Receipt:
        self.during(updates)
        self.charged.append(updates)
        return Receipt(index=len(self.charged), leaf_hash=self.leaf(len(self.charged)))

    def charged_at(self, receipt: Receipt) -> int | None:
        known = 0 < receipt.index <= len(self.charged) and receipt.leaf_hash == self.leaf(receipt.index)
        return sum(self.charged[: receipt.index]) if known else None

    def leaf(self, index: int) -> str:
        return hashlib.sha256(str(self.charged[:index]).encode()).hexdigest()


def attempt_for(plan: Plan, clean: Digest, purse: Purse, request: str = "req-1", number: int = 1) -> Attempt:
    return Attempt(
        request=RequestId(request),
        number=number,
        plan=plan,
        records=SOURCE,
        labels=("burn", "cut"),
        outputs={StepName.DEIDENTIFY: clean},
        charged=sum(purse.charged),
        charge=purse.charge,
        charged_at=purse.charged_at,
    )


def training_of(plan: Plan, rows: Rows, base: Path, place: Path, charge_every: int = 2, workers: int = 1) -> Training:
    return Training(
        belonging=Belonging(request=RequestId("req-1"), plan=plan.digest()),
        plan=plan,
        classes=2,
        rows=rows,
        directory=base,
        checkpoint=place / "checkpoint.safetensors",
        compute=Compute(threads=1, charge_every=charge_every, workers=workers),
    )
