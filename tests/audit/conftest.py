"""The golden bundle and its maker, the public vectors, and a way to change one file of a bundle."""

import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tunewarden_audit import bundle

HERE = Path(__file__).parent
VECTORS = HERE.parents[2] / "shared" / "vectors"

Forge = Callable[[Mapping[str, bytes | None]], bytes]


@pytest.fixture(scope="session")
def golden() -> Any:
    """The names of golden.py: KEY, PLAN, parts(), build() and the rest."""
    return SimpleNamespace(**runpy.run_path(str(HERE / "golden.py")))


@pytest.fixture(scope="session")
def bundle_bytes() -> bytes:
    return (HERE / "golden.zip").read_bytes()


@pytest.fixture(scope="session")
def files(bundle_bytes: bytes) -> dict[str, bytes]:
    return bundle.read_bundle(bundle_bytes)


@pytest.fixture(scope="session")
def forge(files: dict[str, bytes]) -> Forge:
    """A careful forger: changes files (None removes one), then makes manifest and archive fit again."""

    def change(changes: Mapping[str, bytes | None]) -> bytes:
        merged: dict[str, bytes | None] = {**files, **changes}
        forged = {name: data for name, data in merged.items() if data is not None}
        if bundle.MANIFEST not in changes:
            forged[bundle.MANIFEST] = bundle.manifest(forged)
        return bundle.write_bundle(forged)

    return change


@pytest.fixture(scope="session")
def vectors() -> Path:
    if not VECTORS.is_dir():
        pytest.skip("the public test vectors are not here: ../shared/vectors")
    return VECTORS
