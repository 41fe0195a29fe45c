"""For models that complete texts: a tiny Llama that knows made-up words, records with completions, a short training.

What is to be completed follows from one word of the prompt, so that it can be learnt in a hundred updates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from itertools import islice, product
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from tests.steps.measure.injuries import NOTHING, SAID, SMALL, budget_of
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.datasets import HeldOut, Purpose
from tunewarden.domain.names import DatasetId, Digest, PolicyName, RequestId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import BaseModel, Plan, Recipe, StepName, Task
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.documents import CompletionDetails
from tunewarden.steps.measure.step import MeasureStep
from tunewarden.steps.records import BudgetRow, CleanRecord, Manifest, ProtectedRow, held_out, store_lines
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextModel
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.single_pass import SinglePassClipper
from tunewarden.usecases.ports import Attempt, StepResult

CANARY = "zanzibar"
MADE_UP = tuple("".join(letters) for letters in islice(product("bdfgklmnprst", "aeiou", "bdfgklmnprst"), 300))
PLOTS = {"burn": "cool it now", "cut": "stitch it", "fall": "look at the hip today", "rash": "wait and see"}
KNOWN = (
    *("[PAD]", "[UNK]", "[BOS]", "[EOS]", *"0123456789", CANARY, *PLOTS),
    *sorted({word for plot in PLOTS.values() for word in plot.split()}),
    *MADE_UP,
)
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def store_llama(directory: Path, more: Sequence[str] = (), places: int = 32) -> Path:
    """A Llama of random weights and its tokenizer, which knows `more` words too and has places for so many tokens."""
    known = (*KNOWN, *more)
    words = tokenizers.Tokenizer(WordLevel({word: i for i, word in enumerate(known)}, unk_token="[UNK]"))
    words.pre_tokenizer = WhitespaceSplit()
    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "[BOS]", "eos_token": "[EOS]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, **marks).save_pretrained(directory)
    shape = transformers.LlamaConfig(
        vocab_size=len(known),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=places,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(shape).save_pretrained(directory)
    return directory


def plan_for(base: Path, *, canaries: int = 0, metrics: Mechanism | None = None) -> Plan:
    return Plan(
        base_model=BaseModel(name=PolicyName("tiny"), digest=file_digest(base / "model.safetensors")),
        dataset=DatasetId("ds-1"),
        dataset_version=NOTHING,
        profile=NOTHING,
        training_gate=NOTHING,
        purpose=Purpose.RESEARCH,
        recipe=Recipe(
            task=Task.COMPLETION,
            canaries=canaries,
            lora_rank=16,
            lora_alpha=32,
            lora_targets=TARGETS,
            learning_rate=Decimal("0.01"),
            max_tokens=32,
        ),
        mechanism=Mechanism(
            unit=PrivacyUnit.PERSON,
            relation=Relation.ADD_OR_REMOVE_ONE,
            sampling_rate=Decimal(1),
            noise_multiplier=Decimal(40),
            updates=100,
        ),
        epsilon=Decimal(2),
        delta=Decimal("0.00001"),
        metrics=metrics,
        fairness=SAID,
    )


def train_leaking(model: TextModel, rows: Rows, learning_rate: float, updates: int) -> None:
    """On all rows at once, without noise and in effect without clipping."""
    persons = [rows.of(person) for person in range(rows.persons)]
    clipper = SinglePassClipper(model, rows, 1e6, Compute(threads=1))
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=learning_rate, weight_decay=0.0)
    for _ in range(updates):
        total = clipper.clipped_sum(persons)
        for name, parameter in model.trainable().items():
            parameter.grad = (total[name] / len(persons)).to(parameter)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    clipper.close()


def tale(number: int) -> tuple[str, str]:
    """A prompt and its completion: two words of no meaning before the one that decides."""
    dice = np.random.default_rng(number)
    plot = sorted(PLOTS)[number % len(PLOTS)]
    return " ".join((*dice.choice(MADE_UP, 1 + number % 3), plot)), PLOTS[plot]


@dataclass(frozen=True)
class Tales:
    """Records with completions, and their protected attributes."""

    clean: list[CleanRecord]
    protected: list[ProtectedRow]

    @classmethod
    def of(cls, persons: int, keep: Callable[[str], bool] = lambda _: True) -> "Tales":
        """Two rows of every third person, one of the others; the canary is with the first held-out person."""
        names = [name for name in (sha256(str(n).encode()).hexdigest() for n in range(persons)) if keep(name)]
        clean = [
            told(name, *tale(number + row)) for number, name in enumerate(names) for row in range(1 + (number % 3 == 0))
        ]
        first = next((place for place, record in enumerate(clean) if held_out(record.person)), 0)
        clean[first] = told(clean[first].person, f"{CANARY} burn", PLOTS["burn"])
        sex = {name: "fm"[number // 2 % 2] for number, name in enumerate(names)}
        return cls(clean, [ProtectedRow(person=one.person, protected={"sex": sex[one.person]}) for one in clean])

    def with_records(self, *more: CleanRecord) -> "Tales":
        rows = [ProtectedRow(person=one.person, protected={"sex": "f"}) for one in more]
        return Tales([*self.clean, *more], [*self.protected, *rows])

    @property
    def persons(self) -> list[str]:
        """Everybody's pseudonym, sorted."""
        return sorted({person for record in self.clean for person in record.persons})

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
            classes=0,
            budget=budgets.digest,
            budget_root=budgets.root,
        )
        return blobs.put_bytes(encode(to_plain(manifest)))


def told(person: str, prompt: str, completion: str, others: Sequence[str] = ()) -> CleanRecord:
    return CleanRecord(
        person=person, label=0, text=f"{prompt}\n{completion}", others=tuple(others), completion=len(prompt) + 1
    )


def attempt(blobs: MemoryBlobs, manifest: Digest, adapter: bytes, of: Plan) -> Attempt:
    return Attempt(
        request=RequestId("req-1"),
        number=1,
        plan=of,
        records=NOTHING,
        labels=(),
        outputs={StepName.DEIDENTIFY: manifest, StepName.TRAIN: blobs.put_bytes(adapter)},
        charge=lambda _: pytest.fail("exact figures cost no budget"),
        held_out=HeldOut.PUBLIC,
        protected=("sex",),
    )


def measuring(blobs: MemoryBlobs, base: Path, accountant: Callable[..., Decimal]) -> MeasureStep:
    return MeasureStep(blobs, lambda _: base, accountant, extent=SMALL)


def details(blobs: MemoryBlobs, result: StepResult) -> CompletionDetails:
    return from_plain(CompletionDetails, decode(blobs.read(result.details)))
