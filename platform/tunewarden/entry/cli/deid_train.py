"""`tunewarden deid train-recogniser`: the shipped recogniser trained again, on corpora in a folder."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import torch

from tunewarden.domain.errors import Conflict, Malformed, NotFound, Unavailable
from tunewarden.steps.deidentify.tagger.training import Course, Progress, train

_CORPORA = ("tab", "meddocan-es", "ner-wikigold", "ner-btc", "ner-wnut17", "mts-dialog", "banking77")


def train_recogniser(data: Path, out: Path, course: Course, tell: Callable[[str], None]) -> None:
    """Write the weights to `out`, whole or not at all, and tell of the progress.

    Raises `Conflict` where `out` is there, `NotFound` where its folder, a corpus or the weights to begin with are not,
    `Malformed` for a device that this machine does not have, `Unavailable` where nothing can be written.
    """
    if out.exists():
        raise Conflict("output_exists", "The output is there already; nothing is overwritten.", param="--out")
    if not out.parent.is_dir():
        raise NotFound("folder_not_found", "There is no folder for the weights.", param="--out")
    if course.begin is not None and not course.begin.is_file():
        raise NotFound("file_not_found", "There are no weights of that name to begin with.", param="--begin")
    _require_corpora(data)
    _require_device(course.device)

    def told(progress: Progress) -> None:
        left = progress.seconds / progress.done * (progress.updates - progress.done)
        done = f"{progress.done:,} of {progress.updates:,} updates, loss {progress.loss:.4f}"
        tell(f"{done}, {left:,.0f} s left")

    draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}.draft")
    try:
        train(data, draft, course, told)
        draft.rename(out)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            "corpus_not_found",
            "A file of a corpus is not there.",
            remedy="Get the corpora from where the data sheet says, whole.",
            param="--data",
        ) from None
    except OSError as error:
        raise Unavailable("file_unwritable", f"The weights cannot be written ({type(error).__name__}).") from error
    finally:
        draft.unlink(missing_ok=True)


def _require_corpora(data: Path) -> None:
    # Some are read with whatever files are there: one that is missing would be trained without, and nobody told.
    missing = [name for name in _CORPORA if not (data / name).is_dir()]
    if missing:
        raise NotFound(
            "corpus_not_found",
            f"The folder does not hold these corpora, one folder each: {', '.join(missing)}.",
            remedy="Get them from where the data sheet says.",
            param="--data",
        )


def _require_device(name: str) -> None:
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError):  # whatever PyTorch raises for a device it has not
        raise Malformed(
            "device_unknown",
            "PyTorch has no device of that name on this machine.",
            remedy="Name another one: cpu, or cuda where there is one.",
            param="--device",
        ) from None
