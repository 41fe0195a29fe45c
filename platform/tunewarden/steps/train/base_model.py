"""Base models: where the files of an allowed one lie, and loading them only if they are the pinned ones.

Safetensors only, and never code from a model repository. The digest covers the weights file. Configuration and
tokenizer are not covered by it: their digests are in the details of the training.
"""

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from tunewarden.domain.errors import Corrupted, Malformed, Refused, Unavailable
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Precision, Task

WEIGHTS = "model.safetensors"
_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSource:
    """Where a base model of the allowlist comes from.

    Attributes:
        source: "package:NAME/FOLDER", "directory:PATH" or "hub:OWNER/NAME".
        revision: the 40-digit commit of a hub source; None for the others.
    """

    source: str
    revision: str | None = None


def locate(source: BaseSource, *, allow_hub: bool) -> Path:
    """The directory with the files of `source`. Nothing in it has been checked yet.

    Raises `Malformed` for an unknown form, `Refused` for a hub that the settings do not allow or a revision that is not
    pinned, and `Unavailable` where the files are not to be had.
    """
    kind, _, place = source.source.partition(":")
    match kind:
        case "package":
            return _in_package(place)
        case "directory":
            return _existing(Path(place))
        case "hub":
            return _from_hub(place, source.revision, allow_hub=allow_hub)
    raise Malformed(
        "base_model_source_malformed",
        "The source of a base model begins with 'package:', 'directory:' or 'hub:'.",
        who="administrator",
    )


def load(
    directory: Path, weights: Digest, task: Task = Task.CLASSIFICATION, precision: Precision = Precision.FLOAT32
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model in `directory` in `precision`, an encoder or for completions a language model, and the tokenizer.

    Raises `Corrupted` unless the weights file has the digest `weights`, and `Refused` where it holds no language model
    but one is wanted: the library would make up the weights that are missing.
    """
    found = file_digest(_existing(directory) / WEIGHTS)
    if found != weights:
        raise Corrupted(
            "base_model_digest_differs",
            f"The weights of the base model have digest {found}; the plan names {weights}.",
            remedy="Install the base model that the allowlist pins, or have the allowlist reviewed.",
            who="administrator",
        )
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory, **options)
    options |= {"use_safetensors": True, "dtype": precision.value, "output_loading_info": True}
    kind = transformers.AutoModel if task is Task.CLASSIFICATION else transformers.AutoModelForCausalLM
    loaded: Any = kind.from_pretrained(directory, **options)
    model, loading = loaded
    if task is Task.COMPLETION and loading["missing_keys"]:
        raise not_causal()
    return model, tokenizer


def not_causal() -> Refused:
    """The refusal of a base model that cannot complete texts."""
    return Refused(
        "base_model_not_causal",
        "The base model is not a causal language model, so it cannot learn to complete texts.",
        remedy="Choose a language model of the allowlist, or the task 'classification'.",
        param="model",
    )


def file_digest(path: Path) -> Digest:
    """SHA-256 of one file. Raises `Unavailable` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return Digest("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise _missing() from error


def _in_package(place: str) -> Path:
    # find_spec looks a top-level package up without importing it: only its files are wanted, never its code.
    name, _, folder = place.partition("/")
    found = importlib.util.find_spec(name) if name.isidentifier() else None
    if found is None or not found.submodule_search_locations:
        raise _missing()
    return _existing(Path(found.submodule_search_locations[0]) / folder)


def _existing(directory: Path) -> Path:
    if not directory.is_dir():
        raise _missing()
    return directory


def _from_hub(repository: str, revision: str | None, *, allow_hub: bool) -> Path:
    if not allow_hub:
        raise Refused(
            "hub_not_allowed",
            "The base model lies on a model hub, and the settings allow none.",
            remedy="Install the base model locally, or allow the hub in the settings.",
            who="administrator",
        )
    if revision is None or not _REVISION.fullmatch(revision):
        raise Refused(
            "revision_not_pinned",
            "A base model from a hub needs a full 40-digit commit as its revision.",
            remedy="Pin the revision in the allowlist.",
            who="administrator",
        )
    try:
        wanted = ["*.safetensors", "*.json", "*.txt"]
        return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise _missing() from error


def _missing() -> Unavailable:
    return Unavailable(
        "base_model_missing",
        "The files of the base model cannot be read.",
        remedy="Install them where the allowlist says they are.",
        who="administrator",
    )
