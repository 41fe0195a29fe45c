"""Which tokens of a prompt move a completion: each is taken away, or many in random orders (Captum's `LLMAttribution`).

What is explained is the log-chance of the completion that the model itself writes. Captum's result object holds
prompts and completions as text; it is given none of a prompt, and nothing of it but the weights is kept. Gradients are
not asked for, so that models whose weights have none can be explained as well.
"""

from types import SimpleNamespace

import torch
from captum.attr import FeatureAblation, LLMAttribution, ShapleyValueSampling, TextTokenInput
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from tunewarden.steps.measure.prompts import Prompt
from tunewarden.steps.train.model import TextCompleter

_ORDERS = 4


class _Speaker(nn.Module):
    """The model as Captum asks it."""

    def __init__(self, model: TextCompleter) -> None:
        super().__init__()
        self.model, self.device = model, model.device

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.model(input_ids, attention_mask))


class _Tokens(TextTokenInput):  # type: ignore[misc]  # Captum takes inputs of its own classes only
    """A prompt as tokens, of which the removable ones are asked about; without their words."""

    def __init__(self, prompt: Prompt, nothing: int) -> None:
        # Not as the parent does it, which makes tokens of a text and keeps it.
        self.inp_tensor, self.itp_mask = prompt.ids, prompt.removable
        self.itp_tensor = prompt.ids[prompt.removable][None]
        self.n_itp_features = self.itp_tensor.shape[1]
        self.values = [""] * self.n_itp_features
        self.baselines = nothing


def ablated(prompt: Prompt, tokenizer: PreTrainedTokenizerBase, nothing: int | None = None) -> Tensor:
    """What the log-chance of the completion loses without each token of its own: float32[tokens].

    `nothing` stands in its place, or what `prompt` says.
    """
    return _attributed(FeatureAblation(_Speaker(prompt.model)), prompt, tokenizer, nothing)


def shapley(prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """The same over a few random orders in which tokens are added: float32[tokens]. The same numbers every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _attributed(ShapleyValueSampling(_Speaker(prompt.model)), prompt, tokenizer, None, n_samples=_ORDERS)


@torch.no_grad()
def _attributed(
    method: FeatureAblation | ShapleyValueSampling,
    prompt: Prompt,
    tokenizer: PreTrainedTokenizerBase,
    nothing: int | None,
    **how: int,
) -> Tensor:
    given = _Tokens(prompt, prompt.nothing if nothing is None else nothing)
    result = LLMAttribution(method, tokenizer).attribute(
        given, target=prompt.written, use_cached_outputs=False, forward_in_tokens=False, **how
    )
    weights: Tensor = result.seq_attr.float().cpu()
    return weights
