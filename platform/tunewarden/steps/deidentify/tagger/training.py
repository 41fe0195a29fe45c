"""Training the recogniser: LoRA, the shapes of words and the head, on the corpora and on made-up texts.

1. The sources are read, the held-out parts of `corpora` never.
2. Examples are drawn without end: sources by their share, windows of their texts, changed a little (`augment`).
3. A token may have several labels where its corpus leaves open which; the loss is minus the log of their sum.
4. AdamW, a short warm-up, then down to zero along a line.
5. What was trained is written as one safetensors file in half precision.
"""

import csv
import hashlib
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import regex
import torch
from safetensors.torch import save_file
from torch import Tensor

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis import Split, generate
from tunewarden.steps.deidentify.tagger.corpora import Part, court_cases, encyclopedia, spanish_cases, tweets
from tunewarden.steps.deidentify.tagger.examples import Batch, Source, batches
from tunewarden.steps.deidentify.tagger.gold import GoldText
from tunewarden.steps.deidentify.tagger.model import TokenLabeller, folder, take, tokenizer, untrained

ROWS = 48
_WARM_UP = 0.06
_LORA_RATE, _HEAD_RATE = 1.5e-3, 2e-3
_GOING_ON = 0.5  # times these rates where a training goes on from another one
_MADE_UP = 30_000
_WRITTEN_BY_PEOPLE = frozenset({EntityType.NAME, EntityType.PLACE, EntityType.ORGANISATION})
_MAY_IDENTIFY = regex.compile(r"\b(?:Dr|Mr|Mrs|Ms)\b|(?<=[a-z,] )\p{Lu}\p{Ll}+|\d{1,2}/\d|\b(?:19|20)\d\d\b|year|month")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """After `done` of `updates`: the mean loss since the last report, and how many seconds have passed."""

    done: int
    updates: int
    loss: float
    seconds: float


def train(
    data: Path,
    out: Path,
    *,
    updates: int,
    seed: int,
    begin: Path | None = None,
    threads: int = 1,
    report: Callable[[Progress], None],
) -> None:
    """Train on the corpora in `data` and write the weights to `out`; `begin` with those of an earlier training, at
    half the rate.

    The same seed gives the same examples; the sums of several threads may differ in their last digits.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    chance = Random(seed)  # noqa: S311  reproducible on purpose
    model = untrained(folder())
    if begin is not None:
        take(model, begin.read_bytes())
    model.encoder.set_attn_implementation("eager")  # going backwards, the fused attention is three times slower here
    optimiser = torch.optim.AdamW(_groups(model), weight_decay=0.01)
    rates = [group["lr"] * (1 if begin is None else _GOING_ON) for group in optimiser.param_groups]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    started, losses = time.monotonic(), list[float]()
    model.train()
    drawn = batches(sources(data, seed), tokenizer(folder()), ROWS, chance)
    for done, batch in zip(range(1, updates + 1), drawn, strict=False):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * _schedule(done / updates)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = model(batch.ids, batch.shapes, batch.mask)
        loss = loss_of(scores.float(), batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        losses.append(loss.item())
        if done % 25 == 0 or done == updates:
            report(
                Progress(
                    done=done, updates=updates, loss=math.fsum(losses) / len(losses), seconds=time.monotonic() - started
                )
            )
            losses.clear()
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: each.detach().half() for name, each in model.named_parameters() if each.requires_grad}, str(out))


def loss_of(scores: Tensor, batch: Batch) -> Tensor:
    """Minus the log of the probability that all allowed labels have together, mean over tokens that are not padding."""
    every = torch.logsumexp(scores, dim=-1)
    fitting = torch.logsumexp(scores.masked_fill(batch.allowed == 0, -torch.inf), dim=-1)
    return ((every - fitting) * batch.mask).sum() / batch.mask.sum()


def sources(data: Path, seed: int) -> Sequence[Source]:
    """What is trained on, with the share of each."""
    made_up = list(generate(_MADE_UP, seed, Split.TRAIN))
    prose = list(_prose(data))
    return (
        Source(name="court-cases", texts=kept(court_cases(data, Part.TRAIN)), share=0.17, loosely=True),
        Source(name="spanish-cases", texts=kept(spanish_cases(data, Part.TRAIN)), share=0.16),
        Source(name="encyclopedia", texts=kept(encyclopedia(data, Part.TRAIN)), share=0.08, marks=_WRITTEN_BY_PEOPLE),
        Source(name="tweets", texts=kept(tweets(data, Part.TRAIN)), share=0.10, marks=_WRITTEN_BY_PEOPLE),
        Source(name="made-up", texts=made_up, share=0.43, among=prose),
        Source(name="prose", texts=prose, share=0.06),
    )


def kept(texts: Iterable[GoldText], *, development: bool = False) -> list[GoldText]:
    """The texts that are trained on, or the twelfth that a threshold is chosen on: by the text alone."""
    return [gold for gold in texts if (hashlib.sha256(gold.text.encode()).digest()[0] % 12 == 0) == development]


def _prose(data: Path) -> Iterable[GoldText]:
    """Sentences of clinical notes and of bank customers that name nobody (MTS-Dialog, Banking77, both CC BY 4.0)."""
    with (data / "mts-dialog" / "MTS-Dialog-TrainingSet.csv").open(encoding="utf-8", newline="") as stream:
        notes = [row["section_text"] for row in csv.DictReader(stream)]
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as stream:
        notes += [row["text"] for row in csv.DictReader(stream)][:2000]
    for note in notes:
        for sentence in regex.split(r"(?<=[.?!])\s+", note):
            if len(sentence) > 20 and not _MAY_IDENTIFY.search(sentence):
                yield GoldText(text=sentence, spans=())


def _groups(model: TokenLabeller) -> list[dict[str, object]]:
    named = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
    return [
        {"params": [each for name, each in named if name.startswith("encoder.")], "lr": _LORA_RATE},
        {"params": [each for name, each in named if not name.startswith("encoder.")], "lr": _HEAD_RATE},
    ]


def _schedule(part: float) -> float:
    return min(part / _WARM_UP, (1 - part) / (1 - _WARM_UP) + 0.01)
