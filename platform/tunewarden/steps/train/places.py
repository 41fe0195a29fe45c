"""Where the models of learning curves lie in the scratch folder, and how they are removed. Imports nothing heavy."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

from tunewarden.domain.names import RequestId

WEIGHTS = "checkpoint.safetensors"
_CURVES = "curves"


def place_of(scratch: Path, request: RequestId, share: Decimal) -> Path:
    """The folder of the training on `share` of the persons: of its checkpoint and what lies beside it."""
    return scratch / _CURVES / request / str(share)


def requests_with_parts(scratch: Path) -> Sequence[RequestId]:
    """Requests of which something lies there that was trained on a part of the persons. Raises OSError."""
    folder = scratch / _CURVES
    if not folder.is_dir():
        return []
    return [RequestId(each.name) for each in sorted(folder.iterdir()) if each.is_dir() and not each.is_symlink()]


def remove_parts(scratch: Path, request: RequestId) -> None:
    """Remove all that was trained on parts for `request`; another worker may be doing the same. Raises OSError."""
    with suppress(FileNotFoundError):
        shutil.rmtree(scratch / _CURVES / request)
