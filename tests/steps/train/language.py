"""A causal language model small enough to train in milliseconds, and made-up rows with completions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from peft import LoraConfig, inject_adapter_in_model
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from tunewarden.domain.training import Precision
from tunewarden.steps.train.model import TextCompleter
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import Tokens

WORDS = tuple(f"w{i}" for i in range(28))
SIZE = 32
TARGETS = ("q_proj", "v_proj", "down_proj")


def llama(**changed: object) -> transformers.LlamaForCausalLM:
    shape: dict[str, object] = {
        "vocab_size": SIZE,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
    }
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape | changed))


def store(directory: Path, model: transformers.PreTrainedModel) -> Path:
    """`model` with a tokenizer of a few words that marks where a text begins and ends."""
    marks = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    words = tokenizers.Tokenizer(
        WordLevel({word: i for i, word in enumerate((*marks.values(), *WORDS))}, unk_token="<unk>")
    )
    words.pre_tokenizer = WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, **marks).save_pretrained(directory)
    model.save_pretrained(directory)
    return directory


def completer(precision: Precision = Precision.FLOAT32, targets: Sequence[str] = TARGETS) -> TextCompleter:
    """A Llama whose LoRA matrices are not zero, so that all have gradients."""
    body = llama().to(torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32)
    model = TextCompleter(inject_adapter_in_model(LoraConfig(r=3, target_modules=list(targets)), body), precision)
    for parameter in model.trainable().values():
        parameter.data = torch.randn(parameter.shape) * 0.3
    return model


def rows_of(counts: Sequence[int], shortest: int = 3, longest: int = 14, seed: int = 0) -> Rows:
    """Rows of random tokens: so many of each person, of random length, completions beginning anywhere."""
    dice = np.random.default_rng(seed)
    lengths = dice.integers(shortest, longest + 1, sum(counts))
    return Rows(
        tokens=Tokens(
            ids=dice.integers(0, SIZE, lengths.sum()).astype(np.int32),
            starts=np.concatenate(([0], np.cumsum(lengths))),
            truncated=0,
        ),
        labels=np.zeros(len(lengths), dtype=np.int64),
        starts=np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        completions=np.array([dice.integers(1, length) for length in lengths]),
    )
