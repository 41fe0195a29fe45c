"""Explanation of a model that completes texts: which parts of a prompt move what it writes, on made-up prompts only.

Whether that is faithful is tested as for classes, on words of the model's vocabulary; whether it is stable, about this
model and about words, on the same made-up texts as for classes. What the model writes is never kept: it may have
learnt it from somebody. Whether what is written changes with a protected term is for `counterfactuals.py`.
"""

from math import exp

import torch
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import Recipe
from tunewarden.steps.measure.ablation import ablated, shapley
from tunewarden.steps.measure.attributing import neutral_tokens
from tunewarden.steps.measure.erasure import Lost, erase, erase_at_random, faithfulness
from tunewarden.steps.measure.explanation import Explanation, Method, stated
from tunewarden.steps.measure.made_up import made_up_texts
from tunewarden.steps.measure.maps import ProbeMap, probe_map
from tunewarden.steps.measure.probes import probe_texts
from tunewarden.steps.measure.prompts import Prompt, prompts
from tunewarden.steps.measure.scrutiny import SHOWN, Scrutiny
from tunewarden.steps.measure.shortcuts import Weighed, shortcuts, weighed
from tunewarden.steps.measure.stability import Ways, stability
from tunewarden.steps.measure.weights import held, redrawn, with_weights
from tunewarden.steps.train.model import TextCompleter


def explain_completions(
    model: TextCompleter, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, texts: int
) -> Explanation:
    """Of so many made-up prompts, at least two."""
    generator = torch.Generator().manual_seed(0)  # repeatable; nothing private hangs on it
    lost, at_random = list[Lost](), list[Lost]()
    for prompt in prompts(model, tokenizer, recipe, made_up_texts(tokenizer, texts)):
        lost.append(erase(prompt, _whole(prompt, ablated(prompt, tokenizer))))
        at_random.append(erase_at_random(prompt, generator))
    return stated(
        faithfulness(lost, at_random),
        persons=texts,
        steps=0,
        convergence_delta=None,
        terms=(),
        made_up=True,
        method=Method.FEATURE_ABLATION,
    )


def scrutinise_completions(
    model: TextCompleter, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, texts: int
) -> Scrutiny:
    """As `scrutiny.scrutinise`, of prompts; at least two texts."""
    shuffled, ways = redrawn(held(model)), list[Ways]()
    shares, maps = list[Weighed](), list[ProbeMap]()
    for prompt in prompts(model, tokenizer, recipe, probe_texts(texts)):
        weights = ablated(prompt, tokenizer)
        with with_weights(model, shuffled):
            by_chance = ablated(prompt, tokenizer)
        others = {
            "baseline": ablated(prompt, tokenizer, neutral_tokens(tokenizer)[1]),
            "shapley": shapley(prompt, tokenizer),
        }
        ways.append(
            Ways(
                removable=prompt.removable,
                chosen=_whole(prompt, weights),
                others={name: _whole(prompt, other) for name, other in others.items()},
                redrawn=_whole(prompt, by_chance),
            )
        )
        spread = prompt.spread(weights)
        shares.append(weighed(prompt.text, prompt.encoding, 0, spread))
        chance = exp(prompt.log_chance(prompt.ids))
        maps.append(probe_map(prompt.text, prompt.encoding, 0, spread, None, chance))
    return Scrutiny(
        neutral=neutral_tokens(tokenizer)[0],
        stability=stability(ways),
        shortcuts=shortcuts(shares),
        swaps=(),
        maps=tuple(maps[:SHOWN]),
    )


def _whole(prompt: Prompt, weights: torch.Tensor) -> torch.Tensor:
    """Weights of the removable tokens, beside 0 for the mark before them: float32[1, tokens]."""
    return torch.zeros(prompt.ids.shape).masked_scatter(prompt.removable, weights)
