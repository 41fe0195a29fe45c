"""What a model writes, greedily or by chance, without anything of it being kept."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from transformers import GenerationConfig, GenerationMixin, PreTrainedTokenizerBase

from tunewarden.steps.train.model import TextCompleter

_TEXTS = 32
_LIKE = 8  # tokens by which beginnings differ that are gone on from together
Ids = list[int]


@torch.no_grad()
def write(
    model: TextCompleter,
    tokenizer: PreTrainedTokenizerBase,
    begun: Sequence[Ids],
    *,
    most: int,
    longest: int,
    seed: int | None,
) -> list[Ids]:
    """What `model` adds to each of `begun`, at least one token each: up to `most` tokens, or to its mark of an end.

    No text grows beyond `longest` tokens; up to seven fewer where it is gone on from beside a longer one. Greedily
    where there is no `seed`; else each token is drawn from all there are, with their probabilities. The same seed gives
    the same texts on the same machine. Leaves the model in evaluation mode.
    """
    model.eval()
    written: list[Ids] = [[] for _ in begun]
    with torch.random.fork_rng():
        torch.manual_seed(0 if seed is None else seed)
        for rows in _alike(begun):
            together = [begun[row] for row in rows]
            room = min(most, longest - max(map(len, together)))
            if room > 0:
                for row, ids in zip(
                    rows, _batch(model, tokenizer, together, room, sample=seed is not None), strict=True
                ):
                    written[row] = ids
    return written


def _alike(begun: Sequence[Ids]) -> Iterator[list[int]]:
    """Rows of like length, few enough to be computed at once."""
    rows: list[int] = []
    for row in sorted(range(len(begun)), key=lambda row: len(begun[row])):
        if rows and (len(rows) == _TEXTS or len(begun[row]) - len(begun[rows[0]]) >= _LIKE):
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _batch(
    model: TextCompleter, tokenizer: PreTrainedTokenizerBase, begun: Sequence[Ids], most: int, *, sample: bool
) -> list[Ids]:
    width, end = max(map(len, begun)), tokenizer.eos_token_id
    ids = torch.tensor([[0] * (width - len(each)) + each for each in begun])
    mask = torch.tensor([[0] * (width - len(each)) + [1] * len(each) for each in begun])
    how = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=most,
        do_sample=sample,
        eos_token_id=end,
        pad_token_id=0,
        repetition_penalty=1.0,  # said, or what the base model's files advise would be done
        **({"temperature": 1.0, "top_k": 0, "top_p": 1.0} if sample else {}),
    )
    language_model = cast(GenerationMixin, model.language_model)
    with model.computing():
        every = language_model.generate(  # type: ignore[misc]  # typed for a model of another class
            ids.to(model.device), attention_mask=mask.to(model.device), generation_config=how
        )
    return [_until(row, end) for row in every[:, width:].tolist()]


def _until(ids: Ids, end: int | None) -> Ids:
    return ids[: ids.index(end)] if end is not None and end in ids else ids
