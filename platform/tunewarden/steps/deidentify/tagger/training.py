"""Training the recogniser: LoRA, the shapes of words and the head, on the corpora and on made-up texts.

1. The corpora are read, the held-out parts of `corpora` never.
2. Examples are drawn without end: sources by their share, windows of their texts, changed a little (`augment`); the
   made-up texts are new ones every time.
3. A token may have several labels where its corpus leaves open which; the loss is minus the log of their sum.
4. AdamW, a short warm-up, then down to zero along a line.
5. What was trained is written as one safetensors file in half precision.
"""

import csv
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import regex
import torch
from safetensors.torch import save_file
from torch import Tensor

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis import Split, generate
from tunewarden.steps.deidentify.tagger.corpora import Part, court_cases, encyclopedia, spanish_cases, tweets
from tunewarden.steps.deidentify.tagger.examples import Batch, Drawing, Source, batches
from tunewarden.steps.deidentify.tagger.gold import GoldText
from tunewarden.steps.deidentify.tagger.model import TokenLabeller, folder, take, tokenizer, untrained

_WARM_UP = 0.06
_LORA_RATE, _HEAD_RATE = 8e-4, 8e-4 * 4 / 3
_GOING_ON = 0.5  # times these rates where a training goes on from another one
_MADE_UP = 1_500  # for each part of what is drawn
_MADE_UP_SHARE = 0.43
_WRITTEN_BY_PEOPLE = frozenset({EntityType.NAME, EntityType.PLACE, EntityType.ORGANISATION})
_MAY_IDENTIFY = regex.compile(r"\b(?:Dr|Mr|Mrs|Ms)\b|(?<=[a-z,] )\p{Lu}\p{Ll}+|\d{1,2}/\d|\b(?:19|20)\d\d\b|year|month")


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long is trained, and with what.

    Attributes:
        rows: windows an update.
        seed: the same one gives the same examples; the weights differ in their last digits from device to device.
        begin: weights of an earlier training to go on from, at half the rate.
        device: of the network, as PyTorch names it.
        workers: processes that draw examples; 0 draws them in this one.
        threads: of the network, where it is trained on a processor.
    """

    updates: int
    rows: int = 128
    seed: int = 1
    begin: Path | None = None
    device: str = "cpu"
    workers: int = 0
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """After `done` of `updates`: the mean loss since the last report, and how many seconds have passed."""

    done: int
    updates: int
    loss: float
    seconds: float


def train(data: Path, out: Path, course: Course, report: Callable[[Progress], None]) -> None:
    """Train on the corpora in `data` and write the weights to `out`."""
    torch.set_num_threads(course.threads)
    torch.manual_seed(course.seed)
    model = _beginning(course)
    optimiser = torch.optim.AdamW(_groups(model), weight_decay=0.01)
    rates = [group["lr"] * (1 if course.begin is None else _GOING_ON) for group in optimiser.param_groups]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    drawing = Drawing(
        sources=partial(sources, corpora(data), course.seed),
        tokenizer=partial(tokenizer, folder()),
        rows=course.rows,
        seed=course.seed,
    )
    started, losses = time.monotonic(), list[Tensor]()
    for done, batch in zip(range(1, course.updates + 1), batches(drawing, course.workers), strict=False):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * _schedule(done / course.updates)
        loss = _loss(model, batch.to(torch.device(course.device)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        losses.append(loss.detach())
        if done % 25 == 0 or done == course.updates:
            mean = torch.stack(losses).mean().item()
            report(Progress(done=done, updates=course.updates, loss=mean, seconds=time.monotonic() - started))
            losses.clear()
    out.parent.mkdir(parents=True, exist_ok=True)
    learnt = {name: each.detach().half().cpu() for name, each in model.named_parameters() if each.requires_grad}
    save_file(learnt, str(out))


def _beginning(course: Course) -> TokenLabeller:
    # On a processor the fused attention takes three times as long on the way back.
    model = untrained(folder(), "eager" if course.device == "cpu" else "sdpa")
    if course.begin is not None:
        take(model, course.begin.read_bytes())
    return model.to(course.device).train()


def _loss(model: TokenLabeller, batch: Batch) -> Tensor:
    with torch.autocast(batch.ids.device.type, dtype=torch.bfloat16):
        scores = model(batch.ids, batch.shapes, batch.mask)
    return loss_of(scores.float(), batch)


def loss_of(scores: Tensor, batch: Batch) -> Tensor:
    """Minus the log of the probability that all allowed labels have together, mean over tokens that are not padding."""
    every = torch.logsumexp(scores, dim=-1)
    fitting = torch.logsumexp(scores.masked_fill(~batch.allowed, -torch.inf), dim=-1)
    return ((every - fitting) * batch.mask).sum() / batch.mask.sum()


def corpora(data: Path) -> Sequence[Source]:
    """The texts of others that are trained on, with the share of each."""
    return (
        Source(name="court-cases", texts=kept(court_cases(data, Part.TRAIN)), share=0.17, loosely=True),
        Source(name="spanish-cases", texts=kept(spanish_cases(data, Part.TRAIN)), share=0.16),
        Source(name="encyclopedia", texts=kept(encyclopedia(data, Part.TRAIN)), share=0.08, marks=_WRITTEN_BY_PEOPLE),
        Source(name="tweets", texts=kept(tweets(data, Part.TRAIN)), share=0.10, marks=_WRITTEN_BY_PEOPLE),
        Source(name="prose", texts=list(_prose(data)), share=0.06),
    )


def sources(of_others: Sequence[Source], seed: int, number: int) -> Sequence[Source]:
    """What one part of the examples is drawn from: the corpora, and texts that are made up for it."""
    prose = next((source.texts for source in of_others if source.name == "prose"), ())
    made_up = list(generate(_MADE_UP, f"{seed} {number}", Split.TRAIN))
    return (*of_others, Source(name="made-up", texts=made_up, share=_MADE_UP_SHARE, among=prose))


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
