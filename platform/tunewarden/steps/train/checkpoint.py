"""Checkpoints: weights, optimizer moments and what they belong to, in one safetensors file.

No pickle, and no state of any random generator: a resumed training draws afresh, and what it repeats is charged again.
What was charged is never read from here: the ledger says it. The checkpoint only names the entry of the log that
charged its last update, so that it cannot be put beside another log, or beside one that was set back.

A checkpoint holds nothing but what the noisy updates made, so it tells no more than the accounted mechanism allows.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.optim import AdamW

from tunewarden.domain.errors import Corrupted, PlanMismatch
from tunewarden.domain.names import Digest, RequestId
from tunewarden.usecases.work import Receipt

_FORM = "tunewarden-checkpoint-2"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # AdamW's names


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """What a checkpoint must have been made for; `canaries` is the digest of the made-up persons, if there are any."""

    request: RequestId
    plan: Digest
    canaries: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a training is.

    Attributes:
        update: so many updates are made.
        checked: the noise of so many was checked, and passed; those of before a resumption included.
        paid: the entry of the log that charged the last of them.
    """

    update: int
    checked: int
    paid: Receipt


def save(
    path: Path, belonging: Belonging, standing: Standing, weights: dict[str, nn.Parameter], optimizer: AdamW
) -> None:
    """Replace the checkpoint at `path`, whole or not at all, even if the machine stops."""
    tensors = {f"weight/{name}": parameter.detach().cpu().contiguous() for name, parameter in weights.items()}
    for name, parameter in weights.items():
        state = optimizer.state[parameter]
        tensors |= {f"{moment}/{name}": state[moment].detach().cpu().contiguous() for moment in _MOMENTS}
    header = {
        "canaries": belonging.canaries or "",
        "checked": str(standing.checked),
        "form": _FORM,
        "paid_index": str(standing.paid.index),
        "paid_leaf": standing.paid.leaf_hash,
        "plan": belonging.plan,
        "request": belonging.request,
        "update": str(standing.update),
    }
    unfinished = path.with_suffix(".unfinished")
    save_file(tensors, unfinished, metadata=header)
    _sync(unfinished)
    unfinished.replace(path)
    _sync(path.parent)


def standing_at(path: Path, belonging: Belonging) -> Standing | None:
    """How far the checkpoint at `path` is; None where there is none.

    Raises `PlanMismatch` for a checkpoint of something else and `Corrupted` for a damaged file.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
        found = header["form"], header["request"], header["plan"], header.get("canaries", "")
        if found != (_FORM, belonging.request, belonging.plan, belonging.canaries or ""):
            raise PlanMismatch(
                "checkpoint_of_another_plan",
                "The checkpoint belongs to another request or plan than the approved one.",
                remedy="Remove it; the training then begins anew, and its updates are charged again.",
                who="administrator",
            )
        return Standing(
            update=int(header["update"]),
            checked=int(header["checked"]),
            paid=Receipt(index=int(header["paid_index"]), leaf_hash=header["paid_leaf"]),
        )
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise Corrupted("checkpoint_malformed", "The checkpoint of this training is damaged.") from error


def restore(path: Path, weights: dict[str, nn.Parameter], optimizer: AdamW | None = None) -> None:
    """Put the checkpoint's weights, and its moments if there is an `optimizer`, in place.

    Its header must have been checked by `standing_at`. Raises `Corrupted` where tensors are missing or misshapen.
    """
    try:
        with safe_open(path, framework="pt") as file, torch.no_grad():
            for name, parameter in weights.items():
                parameter.copy_(file.get_tensor(f"weight/{name}"))
                if optimizer is not None:
                    moments = {moment: file.get_tensor(f"{moment}/{name}") for moment in _MOMENTS}
                    optimizer.state[parameter] = {
                        moment: tensor if moment == "step" else tensor.to(parameter.device)
                        for moment, tensor in moments.items()
                    }
    except (SafetensorError, RuntimeError) as error:
        raise Corrupted("checkpoint_malformed", "The checkpoint of this training is damaged.") from error


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path` beside a checkpoint, whole or not at all, even if the machine stops."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(data)
    _sync(unfinished)
    unfinished.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
