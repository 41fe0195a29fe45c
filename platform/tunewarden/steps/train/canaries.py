"""Canary persons: made-up people among the training persons, by whom the trained model is audited.

Each has a dozen words of the tokenizer's vocabulary, drawn at random, in as many rows as one person has in an update,
with a label drawn at random or, where the model learns to complete texts, a number that nobody could guess. Each takes
part or not by the toss of a fair coin. Whoever can tell from the model which of them took part has shown a leak
(Steinke, Nasr and Jagielski, arXiv 2305.08846); `steps/measure/audit.py` tries.

Nothing here comes from the data: words, labels, numbers and coins are the operating system's randomness. So canaries
are in no cohort, cost nothing, and may be stored. Coins stay in an encrypted blob; what is published is its digest.
They are sampled, clipped and noised as everybody is: nothing in the training loop knows them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import SystemRandom

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import decode, encode, from_plain
from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan, Recipe, Task
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import Tokens, tokenize, tokenize_pairs
from tunewarden.usecases.ports import Blobs

_FORM = "tunewarden-canaries-1"
_FILE = "canaries"
_WORDS = 12  # of one canary, in every text of it; of fewer, memorised canaries are harder to tell from others
_LEAST_LETTERS = 3
_SECRET_DIGITS = 6
_MARKS = ("Ġ", "▁")  # what vocabularies of byte pairs and of sentence pieces write before a word


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One made-up person.

    Attributes:
        present: whether it takes part in the training.
        texts: its rows, as many as one person's in an update; where texts are completed, their beginnings.
        label: the class of all its rows; 0 where texts are completed.
        secret: how its texts go on, digits with a space before each; empty where texts are classified.
    """

    present: bool
    texts: tuple[str, ...]
    label: int = 0
    secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """All canaries of one training. `form` says how to read this document; `plan` is the digest of the plan."""

    form: str
    plan: Digest
    members: tuple[Canary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Canaries that were stored, and the digest of the blob."""

    canaries: Canaries
    digest: Digest


def kept_canaries(
    blobs: Blobs, place: Path, plan: Plan, tokenizer: PreTrainedTokenizerBase, classes: int
) -> Kept | None:
    """The canaries of this training: those of its earlier attempts, or new ones; None where the plan has none.

    They are stored, and their digest lies in the directory `place` beside the checkpoint, before this returns: another
    toss of the coins half-way through a training would hide what it leaks. So `Corrupted` is raised where there is a
    checkpoint without them. Raises `PlanMismatch` where they belong to another plan.
    """
    if plan.recipe.canaries == 0:
        return None
    pointer = place / _FILE
    if pointer.exists():
        return _read(blobs, pointer.read_text("ascii"), plan)
    if any(place.glob("checkpoint*")):
        raise Corrupted("canaries_missing", "There is a checkpoint of this training, but its canaries are gone.")
    canaries = draw_canaries(plan, tokenizer, classes)
    kept = Kept(canaries=canaries, digest=blobs.put_bytes(encode(canaries)))
    unfinished = pointer.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(kept.digest.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(pointer)
    return kept


def read_canaries(blobs: Blobs, digest: Digest, plan: Plan) -> Canaries:
    """Raises `NotFound` or `Corrupted`, and `PlanMismatch` where they belong to another plan."""
    canaries = from_plain(Canaries, decode(blobs.read(digest)))
    if canaries.form != _FORM:
        raise Corrupted("canaries_malformed", "The canaries of this training are not of a form that is known here.")
    if canaries.plan != plan.digest():
        raise PlanMismatch("canaries_of_another_plan", "The canaries belong to another plan than the approved one.")
    return canaries


def draw_canaries(plan: Plan, tokenizer: PreTrainedTokenizerBase, classes: int) -> Canaries:
    """As many as the recipe says, all at random. Raises `Refused` for a vocabulary without words, and where a text
    may not be long enough for a canary's beginning and secret: of half a secret anybody can guess the rest.

    No two canaries share a word as long as the vocabulary lasts.
    """
    recipe, random = plan.recipe, SystemRandom()
    words = vocabulary(tokenizer)
    members, unused = [], list[str]()
    for _ in range(recipe.canaries):
        if len(unused) < _WORDS:
            unused = random.sample(words, len(words))
        own, unused = unused[:_WORDS], unused[_WORDS:]
        learns_secret = recipe.task is Task.COMPLETION
        members.append(
            Canary(
                present=bool(random.getrandbits(1)),
                texts=_texts(own, recipe, random),
                label=0 if learns_secret else random.randrange(classes),
                secret=draw_secret(random) if learns_secret else "",
            )
        )
    if recipe.task is Task.COMPLETION and canary_rows(members, tokenizer, recipe).tokens.truncated:
        raise Refused(
            "no_room_for_canaries",
            f"Texts of {recipe.max_tokens} tokens have no room for the beginnings and secrets of canaries.",
            remedy="Ask for longer texts, or for no canaries; the model can then not be audited.",
            param="hyperparameters.max_tokens",
        )
    return Canaries(form=_FORM, plan=plan.digest(), members=tuple(members))


def draw_secret(random: SystemRandom) -> str:
    """Six digits at random, with a space before each, so that every tokenizer sees digits."""
    return "".join(f" {random.randrange(10)}" for _ in range(_SECRET_DIGITS))


def with_canaries(rows: Rows, kept: Kept | None, tokenizer: PreTrainedTokenizerBase, plan: Plan) -> Rows:
    """`rows` and, as further persons behind the real ones, those canaries that take part.

    Where the record is the privacy unit, each of a canary's rows is one, as those of real persons are.
    """
    present = [] if kept is None else [canary for canary in kept.canaries.members if canary.present]
    if not present:
        return rows
    added = canary_rows(present, tokenizer, plan.recipe)
    if plan.mechanism.unit is PrivacyUnit.RECORD:
        added = replace(added, starts=np.arange(len(added.labels) + 1, dtype=np.int64))
    completions = None
    if rows.completions is not None and added.completions is not None:
        completions = np.concatenate((rows.completions, added.completions))
    return Rows(
        tokens=Tokens(
            ids=np.concatenate((rows.tokens.ids, added.tokens.ids)),
            starts=_continued(rows.tokens.starts, added.tokens.starts),
            truncated=rows.tokens.truncated,
        ),
        labels=np.concatenate((rows.labels, added.labels)),
        starts=_continued(rows.starts, added.starts),
        completions=completions,
        class_weights=rows.class_weights,
    )


def canary_rows(canaries: Sequence[Canary], tokenizer: PreTrainedTokenizerBase, recipe: Recipe) -> Rows:
    """The rows of all these canaries, tokenised; persons are canaries, in their order."""
    counts = [len(canary.texts) for canary in canaries]
    texts = [text for canary in canaries for text in canary.texts]
    if recipe.task is Task.COMPLETION:
        secrets = [canary.secret for canary in canaries for _ in canary.texts]
        tokens, completions = tokenize_pairs(tokenizer, texts, secrets, recipe)
    else:
        tokens, completions = tokenize(tokenizer, texts, recipe), None
    return Rows(
        tokens=tokens,
        labels=np.repeat(np.array([canary.label for canary in canaries], dtype=np.int64), counts),
        starts=np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        completions=completions,
    )


def vocabulary(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The whole words of at least three ASCII letters that the tokenizer knows, sorted. Raises `Refused` where none.

    Where a vocabulary marks how words begin, only what is so marked is a word.
    """
    special = set(tokenizer.all_special_tokens)
    tokens = [token for token in tokenizer.get_vocab() if token not in special]
    marked = [token[1:] for token in tokens if token.startswith(_MARKS)]
    words = {token.lower() for token in (marked or tokens)}
    found = sorted(word for word in words if len(word) >= _LEAST_LETTERS and word.isascii() and word.isalpha())
    if not found:
        raise Refused(
            "no_words_for_canaries",
            "The vocabulary of the base model has no words to make canaries of.",
            remedy="Ask for no canaries; the model can then not be audited. Or train another base model.",
            param="hyperparameters.canaries",
        )
    return found


def _texts(words: Sequence[str], recipe: Recipe, random: SystemRandom) -> tuple[str, ...]:
    """The texts of one canary's rows. Beginnings are all the same, so that one secret follows one beginning."""
    if recipe.task is Task.COMPLETION:
        return (" ".join(words),) * recipe.rows_per_person
    return tuple(" ".join(random.sample(words, len(words))) for _ in range(recipe.rows_per_person))


def _continued(starts: NDArray[np.int64], further: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate((starts, starts[-1] + further[1:]))


def _read(blobs: Blobs, digest: str, plan: Plan) -> Kept:
    return Kept(canaries=read_canaries(blobs, Digest(digest), plan), digest=Digest(digest))
