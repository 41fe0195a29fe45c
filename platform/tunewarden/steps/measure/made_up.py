"""Texts that nobody wrote: words of the tokenizer's vocabulary, put together by a fixed seed.

Where nothing exact may be said of held-out persons, explanations are tested on these. A few persons' texts under noise
would say nothing, and what is asked is about the model: whether the words that are called important are those that move
its answer. Not shown: how well explanations fare on texts like those of the dataset.
"""

from random import Random

from transformers import PreTrainedTokenizerBase

from tunewarden.steps.train.canaries import vocabulary

_FEWEST_WORDS, _MOST_WORDS = 8, 24


def made_up_texts(tokenizer: PreTrainedTokenizerBase, count: int) -> list[str]:
    """The same `count` texts of 8 to 24 words each, always."""
    words, chance = vocabulary(tokenizer), Random(0)  # noqa: S311  nothing private hangs on it
    return [" ".join(chance.choices(words, k=chance.randint(_FEWEST_WORDS, _MOST_WORDS))) for _ in range(count)]
