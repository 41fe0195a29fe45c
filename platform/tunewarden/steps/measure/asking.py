"""Questions put to a model that completes texts: which of three answers does it hold likeliest, a token?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.questions import OPTIONS, Question
from tunewarden.domain.training import Recipe
from tunewarden.steps.measure.answers import predictions
from tunewarden.steps.measure.audited import without_adapter
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.question_bias import NO_ANSWER, QuestionBias, biases, whole_templates
from tunewarden.steps.train.model import TextCompleter
from tunewarden.steps.train.texts import Tokens, completable, tokenize_pairs

_LONGEST = 512  # tokens of a question with its answer, if the model has places for them
_UNCUT = 8192


def ask_questions(
    model: TextCompleter,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    questions: Sequence[Question],
    tolerance: Decimal,
) -> QuestionBias:
    """Ask `model`, which has the adapter, and its base. Questions that cannot be put to it are counted and left out."""
    longest = _places(model)
    asked = whole_templates(list(_askable(tokenizer, replace(recipe, max_tokens=_UNCUT), questions, longest)))
    fitting = replace(recipe, max_tokens=longest)
    found = biases(asked, choices(model, tokenizer, fitting, asked), tolerance)
    before = None
    if found:
        with without_adapter(model):
            before = biases(asked, choices(model, tokenizer, fitting, asked), tolerance)[-1].ambiguous
    return QuestionBias(left_out=len(questions) - len(asked), tolerance=tolerance, biases=found, before=before)


def choices(
    model: TextCompleter, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, questions: Sequence[Question]
) -> list[int]:
    """The answer to each question whose tokens are likeliest on average; `NO_ANSWER` where two are equally so."""
    if not questions:
        return []
    tokens, begins = tokenize_pairs(tokenizer, *_pairs(questions), recipe)
    losses = predictions(model, tokens, begins, recipe.max_tokens).losses
    return [_likeliest(each) for each in losses.reshape(-1, OPTIONS)]


def _likeliest(losses: Floats) -> int:
    best = np.flatnonzero(losses == losses.min())  # none where one is no number
    return int(best[0]) if len(best) == 1 else NO_ANSWER


def _pairs(questions: Sequence[Question]) -> tuple[list[str], list[str]]:
    prompts = [f"{each.context}\n{each.question}\n" for each in questions for _ in each.options]
    return prompts, [option for each in questions for option in each.options]


def _askable(
    tokenizer: PreTrainedTokenizerBase, recipe: Recipe, questions: Sequence[Question], longest: int
) -> Iterator[Question]:
    """Those that there is room for, with three different answers; `recipe` cuts none."""
    fits = completable(tokenizer, *_pairs(questions), recipe).reshape(-1, OPTIONS)
    said = [question for question, each in zip(questions, fits, strict=True) if each.all()]
    if not said:
        return
    tokens, begins = tokenize_pairs(tokenizer, *_pairs(said), recipe)
    lengths = tokens.lengths()
    for number, question in enumerate(said):
        rows = range(number * OPTIONS, (number + 1) * OPTIONS)
        answers = {tuple(_answer(tokens, row, int(begins[row]))) for row in rows}
        if len(answers) == OPTIONS and max(int(lengths[row]) for row in rows) <= longest:
            yield question


def _answer(tokens: Tokens, row: int, begin: int) -> list[int]:
    found: list[int] = tokens.ids[tokens.starts[row] + begin : tokens.starts[row + 1]].tolist()
    return found


def _places(model: TextCompleter) -> int:
    places = getattr(getattr(model.adapted, "config", None), "max_position_embeddings", None)
    return min(_LONGEST, places) if isinstance(places, int) else _LONGEST
