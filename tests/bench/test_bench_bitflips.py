"""One changed bit of a bundle: how many of all there are a verifier notices, and how many after a forger's mending."""

import random
from typing import Any

import pytest
from tests.bench.conftest import Forge, Rows
from tests.faults.test_bit_flips import READING_AIDS, RETOLD, flipped, verdict

from tunewarden_audit.bundle import MANIFEST
from tunewarden_audit.verify import Grade, verify

pytestmark = pytest.mark.bench

TIMES = 10_000


def test_how_many_changed_bits_of_a_bundle_are_detected(golden: Any, bundle_bytes: bytes, rows: Rows) -> None:
    """Not 10,000 of them but every one."""
    bits = range(8 * len(bundle_bytes))
    keys = [golden.KEY.verifier]
    missed = [bit for bit in bits if verify(flipped(bundle_bytes, bit), keys).verdict is not Grade.INVALID]
    assert missed == []
    rows.add(
        "one changed bit of a bundle is detected, every bit in turn",
        [len(bits) - len(missed)],
        unit="bits",
        goal=len(bits),
        bound="at_least",
        baseline=f"a bundle of {len(bits):,} bits",
    )


def test_how_many_are_detected_after_manifest_and_archive_were_mended(
    golden: Any, files: dict[str, bytes], forge: Forge, rows: Rows
) -> None:
    """In the files that something else than the manifest covers; `tests/faults/test_bit_flips.py` says which do not."""
    covered = sorted(files.keys() - READING_AIDS - RETOLD - {MANIFEST})
    places = [(name, bit) for name in covered for bit in range(8 * len(files[name]))]
    missed = [
        place
        for place in random.SystemRandom().sample(places, TIMES)
        if verdict(golden, forge({place[0]: flipped(files[place[0]], place[1])})) not in {Grade.INVALID, Grade.DIVERGED}
    ]
    assert missed == []
    rows.add(
        "the same with manifest and archive mended",
        [TIMES - len(missed)],
        unit="bits",
        goal=TIMES,
        bound="at_least",
        baseline=f"different ones of {len(places):,}",
    )
