"""What a model that completes texts writes for held-out persons, and what its base does with a few examples instead.

*ROUGE-L* (Lin 2004, ACL workshop "Text Summarization Branches Out"): the words that what was written and what the
person wrote have in common in the same order (the longest common subsequence), as precision over the one and recall
over the other, as the harmonic mean of the two. Words are runs of letters and digits in small letters; they are not
stemmed. One completion is written for each of some persons, greedily, until the model ends it or has no room left;
where its tokenizer has no mark of an end, up to the length of the person's. *A few examples*: the base model is asked
about every held-out row, as for `utility.token_accuracy`, with records of up to four persons of the training side
before it: what can be had without training on anybody. Both are exact and paired by person, over the base and over the
examples; what was written is not kept.

Examples are of real persons, so this is done only where the records of both sides are public. Not measured: whether a
completion in other words is as good.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.gates import Measurement
from tunewarden.domain.training import Recipe
from tunewarden.steps.deidentify.duplicates import words_in
from tunewarden.steps.measure.answers import predictions
from tunewarden.steps.measure.audited import without_adapter
from tunewarden.steps.measure.completion_utility import Predicted
from tunewarden.steps.measure.groups import LEAST_PERSONS
from tunewarden.steps.measure.intervals import Figure, Floats, Integers, bootstrap, by_person, critical, person_share
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.writes import Ids, write
from tunewarden.steps.train.model import TextCompleter
from tunewarden.steps.train.texts import Tokens, tokenize_pairs

EXAMPLES = 4
_LONGEST = 128  # tokens that are written


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Completions that were written, one for each of so many held-out persons; None where they are too few.

    Attributes:
        rouge, base_rouge: ROUGE-L of the adapter and of its base, 0 to 1.
        gain: paired.
    """

    persons: int
    rouge: Figure | None
    base_rouge: Figure | None
    gain: Figure | None

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons."""
        found = {"utility.rouge_l": self.rouge, "utility.rouge_l_gain_over_base": self.gain}
        return tuple(figure.measured(metric, self.persons) for metric, figure in found.items() if figure is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShot:
    """The base model with examples. Figures are None where persons are too few.

    Attributes:
        examples: that were put before each row.
        token_accuracy, loss: of the base with them.
        gain, loss_gain: how much better the adapter is without them, paired; of loss, how much smaller.
    """

    examples: int
    persons: int
    token_accuracy: Figure | None
    loss: Figure | None
    gain: Figure | None
    loss_gain: Figure | None

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons."""
        found = {"utility.token_gain_over_examples": self.gain, "utility.loss_gain_over_examples": self.loss_gain}
        return tuple(figure.measured(metric, self.persons) for metric, figure in found.items() if figure is not None)


def rouge_l(written: str, reference: str) -> float:
    """Of two texts; 0 where one of them has no word."""
    ours, theirs = words_in(written), words_in(reference)
    if not ours or not theirs:
        return 0.0
    return 2 * common(ours, theirs) / (len(ours) + len(theirs))  # 2pr / (p + r) with p = c / ours and r = c / theirs


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence, a word of `other` at a time (Hyyro 2004, AWOCA).

    A bit of `open_places` is 1 where that place of `one` adds nothing yet.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(one)) - 1
    open_places = every
    for word in other:
        hit = open_places & places.get(word, 0)
        open_places = ((open_places + hit) | (open_places - hit)) & every
    return len(one) - open_places.bit_count()


def written(model: TextCompleter, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, rows: Rows, most: int) -> Written:
    """Have `model`, which has the adapter, complete the first row with a word to write of each of `most` persons."""
    some = _one_each(rows, most)
    if len(some.texts) < LEAST_PERSONS:
        return Written(persons=len(some.texts), rouge=None, base_rouge=None, gain=None)
    scores = _scores(model, tokenizer, recipe, some)
    with without_adapter(model):
        base = _scores(model, tokenizer, recipe, some)
    return Written(
        persons=len(scores),
        rouge=bootstrap(scores).figure(),
        base_rouge=bootstrap(base).figure(),
        gain=bootstrap(scores - base).figure(),
    )


def few_shot(
    model: TextCompleter,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    *,
    examples: Rows,
    rows: Rows,
    after: Predicted,
) -> FewShot | None:
    """Ask the base of `model` about `rows`, at least one, with `examples` before each.

    `after` is what the adapter says without. Fewer examples are used where the base model has no places for all; None
    where it has none for one.
    """
    begun, count = _examples(model, tokenizer, recipe, _one_each(examples, EXAMPLES))
    if not count:
        return None
    tokens, begins = tokenize_pairs(tokenizer, rows.texts, rows.completions, recipe)
    longer, later = _behind(begun, tokens, begins, marks=tokenizer.bos_token_id is not None)
    with without_adapter(model):
        before = predictions(model, longer, later, recipe.max_tokens + len(begun))
    return compared(before, after, rows.person_array(), count)


def compared(before: Predicted, after: Predicted, persons: Integers, examples: int) -> FewShot:
    """The base with examples, and how much better the adapter is on the same rows."""
    gains, losses = (by_person(each, persons) for each in (after.shares() - before.shares(), before.losses))
    saved = by_person(before.losses - after.losses, persons)
    stated = len(gains) >= LEAST_PERSONS
    finite = stated and bool(np.isfinite(losses).all() and np.isfinite(saved).all())
    return FewShot(
        examples=examples,
        persons=len(gains),
        token_accuracy=person_share(before.shares(), persons, critical()).figure() if stated else None,
        loss=bootstrap(losses).figure() if finite else None,
        gain=bootstrap(gains).figure() if stated else None,
        loss_gain=bootstrap(saved).figure() if finite else None,
    )


def _one_each(rows: Rows, most: int) -> Rows:
    """The first row with a word to write of each of so many persons, by pseudonym."""
    first: dict[str, int] = {}
    for row, (person, completion) in enumerate(zip(rows.persons, rows.completions, strict=True)):
        if words_in(completion):
            first.setdefault(person, row)
    kept = np.zeros(len(rows.persons), dtype=np.bool_)
    kept[[first[person] for person in sorted(first)[:most]]] = True
    return rows.only(kept)


def _scores(model: TextCompleter, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, rows: Rows) -> Floats:
    """ROUGE-L of what `model` writes for each row: float64[rows]."""
    tokens, begins = tokenize_pairs(tokenizer, rows.texts, rows.completions, recipe)
    begun = [_ids(tokens, row)[:begin] for row, begin in enumerate(begins)]
    lengths = tokens.lengths() - begins
    ends = tokenizer.eos_token_id is not None
    scores = []
    added = write(model, tokenizer, begun, most=_LONGEST, longest=recipe.max_tokens, seed=None)
    for row, ids in enumerate(added):
        text = tokenizer.decode(ids if ends else ids[: lengths[row]], skip_special_tokens=True)
        scores.append(rouge_l(str(text), rows.completions[row]))
    return np.array(scores, dtype=np.float64)


def _examples(model: TextCompleter, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, rows: Rows) -> tuple[Ids, int]:
    """The tokens of as many examples as the base model has places for, and how many those are."""
    if not rows.texts:
        return [], 0
    tokens, _ = tokenize_pairs(tokenizer, rows.texts, rows.completions, recipe)
    marks = {tokenizer.bos_token_id, tokenizer.eos_token_id}
    between = list(tokenizer("\n\n", add_special_tokens=False)["input_ids"])
    places = getattr(getattr(model.adapted, "config", None), "max_position_embeddings", None)
    room = (places if isinstance(places, int) else recipe.max_tokens * (EXAMPLES + 1)) - recipe.max_tokens
    begun: Ids = []
    for row in range(len(rows.texts)):
        more = [token for token in _ids(tokens, row) if token not in marks] + between
        if len(begun) + len(more) > room:
            return begun, row
        begun += more
    return begun, len(rows.texts)


def _behind(begun: Ids, tokens: Tokens, begins: Integers, *, marks: bool) -> tuple[Tokens, Integers]:
    """Each row with `begun` before it, behind the mark of the beginning where rows have one."""
    mark, rows = int(marks), len(begins)
    ids = [token for row in range(rows) for token in (*_ids(tokens, row)[:mark], *begun, *_ids(tokens, row)[mark:])]
    longer = replace(tokens, ids=np.array(ids, dtype=np.int32), starts=tokens.starts + len(begun) * np.arange(rows + 1))
    return longer, np.asarray(begins + len(begun), dtype=np.int64)


def _ids(tokens: Tokens, row: int) -> Ids:
    found: Ids = tokens.ids[tokens.starts[row] : tokens.starts[row + 1]].tolist()
    return found
