"""Trainings to certify: an honest one, and clippers with a fault each, made with the libraries as people use them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from opacus import PrivacyEngine
from opacus.utils.adaptive_clipping.adaptive_clipping_utils import PrivacyEngineAdaptiveClipping
from opacus.utils.batch_memory_manager import BatchMemoryManager
from peft import PeftModel, PromptTuningConfig, get_peft_model
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan, Precision, Task
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.certificate import Certificate
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.conformance import Conduct, certify
from tunewarden.steps.train.conformance_clips import MakeClipper
from tunewarden.steps.train.model import TextModel, build
from tunewarden.steps.train.noise import NoiseStream
from tunewarden.steps.train.objective import RowLosses, row_losses
from tunewarden.steps.train.person_clip import Gradients, PersonClipper
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.sampling import draw_update
from tunewarden.steps.train.single_pass import SinglePassClipper
from tunewarden.steps.train.texts import pad

COMPUTE = Compute(threads=1, micro_batch_rows=8, persons_at_once=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is certified."""

    plan: Plan
    model: TextModel
    tokenizer: PreTrainedTokenizerBase

    def honest(self) -> Conduct:
        return Conduct(
            clipper=lambda rows, clip, compute: SinglePassClipper(self.model, rows, clip, compute),
            checker=lambda rows, clip, compute: PersonClipper(self.model, rows, clip, compute),
            draw=lambda rows: draw_update(self.plan, rows),
            release=lambda total, _drawn: noised(self.plan, total),
        )

    def certify(self, **planted: object) -> Certificate:
        """With some of the functions of an honest training replaced."""
        conduct = replace(self.honest(), **planted)
        return certify(self.plan, self.model, self.tokenizer, conduct, COMPUTE)

    def certify_losses(self, losses: RowLosses) -> Certificate:
        """With other losses in the clipper of the training."""
        return self.certify(clipper=lambda rows, clip, compute: PersonClipper(self.model, rows, clip, compute, losses))


def noised(
    plan: Plan, total: Gradients, factor: float = 1.0, normal: Callable[[int], torch.Tensor] | None = None
) -> Gradients:
    """What the loop does, in the fewest words: noise of multiplier times clip, over the constant."""
    deviation = factor * float(plan.mechanism.noise_multiplier * plan.recipe.clip)
    fresh = normal or (lambda count: torch.from_numpy(NoiseStream().normal(count)))
    return {
        name: (clean.double() + deviation * fresh(clean.numel()).view_as(clean)) / plan.recipe.expected_units
        for name, clean in total.items()
    }


def classifier(base: Path, plan: Plan, precision: Precision = Precision.FLOAT32) -> Subject:
    """The tiny BERT encoder with a head, and persons drawn seldom enough for an interesting sampler."""
    recipe = replace(plan.recipe, precision=precision)
    plan = replace(plan, recipe=recipe, mechanism=replace(plan.mechanism, sampling_rate=Decimal("0.01")))
    model, tokenizer = build(base, plan.base_model.digest, recipe, 3)
    return Subject(plan=plan, model=model, tokenizer=tokenizer)


def completer(base: Path, plan: Plan, place: Path, precision: Precision = Precision.FLOAT32) -> Subject:
    """A tiny Llama with random weights and the tokenizer of the tiny encoder."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    tokenizer.save_pretrained(place)
    torch.manual_seed(0)
    shape = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
    )
    transformers.LlamaForCausalLM(shape).save_pretrained(place)
    recipe = replace(
        plan.recipe, task=Task.COMPLETION, precision=precision, lora_targets=("q_proj", "v_proj"), max_tokens=32
    )
    of_base = replace(plan.base_model, digest=file_digest(place / "model.safetensors"))
    mechanism = replace(plan.mechanism, sampling_rate=Decimal("0.01"))
    plan = replace(plan, base_model=of_base, recipe=recipe, mechanism=mechanism)
    model, tokenizer = build(place, of_base.digest, recipe, 0)
    return Subject(plan=plan, model=model, tokenizer=tokenizer)


class PromptTuned(TextModel):
    """A causal model with a learnt prompt before every text, as PEFT makes it."""

    def __init__(self, language_model: PeftModel) -> None:
        super().__init__(Precision.FLOAT32)
        self.language_model = language_model

    @property
    def adapted(self) -> nn.Module:
        return self.language_model.get_base_model()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, keep: int | None = None) -> torch.Tensor:
        logits = self.language_model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits
        return logits[:, -(keep or input_ids.shape[1]) :]


def prompt_tuned(subject: Subject, place: Path) -> Subject:
    """The causal model in `place` with a learnt prompt instead of LoRA."""
    bare = transformers.LlamaForCausalLM.from_pretrained(place)
    tuned = get_peft_model(bare, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))
    return replace(subject, model=PromptTuned(tuned).eval())


def of_records(subject: Subject) -> Subject:
    """The same with the record as the privacy unit: what the libraries can do at best."""
    units = subject.plan.recipe.rows_per_person
    mechanism = replace(subject.plan.mechanism, unit=PrivacyUnit.RECORD, contributions=units)
    return replace(subject, plan=replace(subject.plan, mechanism=mechanism))


def library_loss(model: TextModel, rows: Rows, batch: NDArray[np.int64]) -> torch.Tensor:
    """Hugging Face's own loss, as Opacus takes a mean over the batch apart: divided by the tokens of all rows."""
    input_ids, mask = pad(rows.tokens, batch)
    places = torch.arange(input_ids.shape[1])
    learnt = (places >= torch.from_numpy(rows.completions[batch])[:, None]) & (mask == 1)
    labels = torch.where(learnt, input_ids, -100)
    loss = model.adapted(input_ids=input_ids, attention_mask=mask, labels=labels, use_cache=False).loss
    return loss.expand(len(batch))


def mean_over_batch(model: TextModel, rows: Rows, batch: NDArray[np.int64]) -> torch.Tensor:
    """A mean over the batch before anybody is clipped."""
    return row_losses(model, rows, batch) / len(batch)


@dataclass(kw_only=True)
class Ghost:
    """Opacus' ghost clipping of a causal model, physical batch 1, with the shape that its criterion is told."""

    model: TextModel
    rows: Rows
    clip: float
    unshifted: bool

    def __post_init__(self) -> None:
        self.model.train()
        self.hooks, self.optimizer, self.criterion, _ = PrivacyEngine(accountant="rdp").make_private(
            module=self.model,
            optimizer=torch.optim.SGD(self.model.trainable().values(), lr=0.0),
            data_loader=DataLoader(TensorDataset(torch.arange(len(self.rows.labels))), batch_size=1),
            noise_multiplier=0.0,
            max_grad_norm=self.clip,
            criterion=nn.CrossEntropyLoss(ignore_index=-100),
            grad_sample_mode="ghost",
            poisson_sampling=False,
            wrap_model=False,
        )

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        total = {name: torch.zeros_like(parameter) for name, parameter in self.model.trainable().items()}
        for row in (int(row) for theirs in persons for row in theirs):
            self.optimizer.zero_grad()
            input_ids, mask = pad(self.rows.tokens, np.array([row]))
            full = self.model(input_ids, mask)
            logits = full[:, :-1]
            labels = torch.where(torch.arange(input_ids.shape[1]) >= int(self.rows.completions[row]), input_ids, -100)
            shape = full.shape if self.unshifted else logits.shape
            loss = self.criterion(logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), shape=shape)
            loss.backward()
            for name, parameter in self.model.trainable().items():
                total[name] += parameter.grad
        return total

    def require_covered(self) -> None:
        """It does not ask."""

    def close(self) -> None:
        self.optimizer.zero_grad()
        self.hooks.cleanup()
        for parameter in self.model.parameters():
            parameter.grad = None


@dataclass(kw_only=True)
class Hooks:
    """Opacus' per-row gradients and its own optimizer, whatever it takes for a row; one batch of all rows."""

    model: TextModel
    rows: Rows
    clip: float

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        trainable = self.model.trainable()
        if not len(persons):
            return {name: torch.zeros_like(parameter) for name, parameter in trainable.items()}
        chosen = np.concatenate(persons)
        self.model.train()
        hooks, optimizer, _ = PrivacyEngine(accountant="rdp").make_private(
            module=self.model,
            optimizer=torch.optim.SGD(trainable.values(), lr=0.0),
            data_loader=DataLoader(TensorDataset(torch.from_numpy(chosen)), batch_size=len(chosen)),
            noise_multiplier=0.0,
            max_grad_norm=self.clip,
            grad_sample_mode="hooks",
            poisson_sampling=False,
            wrap_model=False,
        )
        row_losses(self.model, self.rows, chosen).mean().backward()
        optimizer.clip_and_accumulate()
        total = {name: parameter.summed_grad.clone() for name, parameter in trainable.items()}
        optimizer.zero_grad()
        hooks.cleanup()
        return total

    def require_covered(self) -> None:
        """It does not ask."""

    def close(self) -> None:
        for parameter in self.model.trainable().values():
            parameter.grad = None


@dataclass(kw_only=True)
class Adaptive:
    """Opacus' adaptive clipping with its memory manager: the clip moves within one update."""

    model: TextModel
    rows: Rows
    clip: float
    learning_rate: float

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        chosen = np.concatenate(persons) if len(persons) else np.empty(0, dtype=np.int64)
        if not len(chosen):
            return {name: torch.zeros_like(parameter) for name, parameter in self.model.trainable().items()}
        self.model.train()
        hooks, optimizer, criterion, loader = PrivacyEngineAdaptiveClipping(accountant="rdp").make_private(
            module=self.model,
            optimizer=torch.optim.SGD(self.model.trainable().values(), lr=0.0),
            data_loader=DataLoader(TensorDataset(torch.from_numpy(chosen)), batch_size=len(chosen)),
            noise_multiplier=0.0,
            max_grad_norm=self.clip,
            criterion=nn.CrossEntropyLoss(),
            grad_sample_mode="ghost",
            poisson_sampling=False,
            wrap_model=False,
            target_unclipped_quantile=0.9,
            min_clipbound=1e-6,
            max_clipbound=1e6,
            clipbound_learning_rate=self.learning_rate,
        )
        criterion.criterion.reduction = "none"
        with BatchMemoryManager(data_loader=loader, max_physical_batch_size=2, optimizer=optimizer) as batches:
            for (batch,) in batches:
                optimizer.zero_grad()
                logits = self.model(*pad(self.rows.tokens, batch.numpy()))
                criterion(logits, torch.from_numpy(self.rows.labels[batch.numpy()])).backward()
                optimizer.step()
        total = {name: p.grad * len(chosen) for name, p in self.model.trainable().items()}
        hooks.cleanup()
        return total

    def require_covered(self) -> None:
        """It does not ask."""

    def close(self) -> None:
        for parameter in self.model.parameters():
            parameter.grad = None


@dataclass(kw_only=True)
class CutApart:
    """Clips what of a person lies in a micro-batch, and so clips a person several times."""

    own: PersonClipper
    rows_at_once: int

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        total = self.own.clipped_sum(())
        for theirs in persons:
            for begin in range(0, len(theirs), self.rows_at_once):
                for name, part in self.own.clipped_sum([theirs[begin : begin + self.rows_at_once]]).items():
                    total[name] += part
        return total

    def require_covered(self) -> None:
        self.own.require_covered()

    def close(self) -> None:
        self.own.close()


def scaled_clip(model: TextModel, factor: float) -> MakeClipper:
    """Clips to a little more, or less, than it is told."""
    return lambda rows, clip, compute: SinglePassClipper(model, rows, factor * clip, compute)
