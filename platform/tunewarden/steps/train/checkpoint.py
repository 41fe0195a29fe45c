"""Checkpoints: weights, optimizer moments and the update they are after, in one safetensors file.

No pickle, and no state of any random generator: a resumed training draws afresh, and what it repeats is charged again.

A checkpoint holds nothing but what the noisy updates made, so it tells no more than the accounted mechanism allows.
"""

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.optim import AdamW

from tunewarden.domain.errors import Corrupted, PlanMismatch
from tunewarden.domain.names import Digest, RequestId

_FORM = "tunewarden-checkpoint-1"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # AdamW's names


def save(
    path: Path, request: RequestId, plan: Digest, update: int, weights: dict[str, nn.Parameter], optimizer: AdamW
) -> None:
    """Replace the checkpoint at `path`, whole or not at all, even if the machine stops."""
    tensors = {f"weight/{name}": parameter.detach().cpu().contiguous() for name, parameter in weights.items()}
    for name, parameter in weights.items():
        state = optimizer.state[parameter]
        tensors |= {f"{moment}/{name}": state[moment].detach().cpu().contiguous() for moment in _MOMENTS}
    header = {"form": _FORM, "plan": plan, "request": request, "update": str(update)}
    unfinished = path.with_suffix(".unfinished")
    save_file(tensors, unfinished, metadata=header)
    _sync(unfinished)
    unfinished.replace(path)
    _sync(path.parent)


def updates_done(path: Path, request: RequestId, plan: Digest) -> int:
    """After how many updates the checkpoint at `path` was made; 0 where there is none.

    Raises `PlanMismatch` for a checkpoint of another request or plan and `Corrupted` for a damaged file.
    """
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
        form, update = header["form"], int(header["update"])
        found = header["request"], header["plan"]
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise Corrupted("checkpoint_malformed", "The checkpoint of this training is damaged.") from error
    if form != _FORM or found != (request, plan):
        raise PlanMismatch(
            "checkpoint_of_another_plan",
            "The checkpoint belongs to another request or plan than the approved one.",
            remedy="Remove it; the training then begins anew, and its updates are charged again.",
            who="administrator",
        )
    return update


def restore(path: Path, weights: dict[str, nn.Parameter], optimizer: AdamW | None = None) -> None:
    """Put the checkpoint's weights, and its moments if there is an `optimizer`, in place.

    Its header must have been checked by `updates_done`. Raises `Corrupted` where tensors are missing or misshapen.
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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
