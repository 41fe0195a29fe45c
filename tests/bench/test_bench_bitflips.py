"""One changed bit, ten thousand times: how many a verifier notices."""

import random
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.bench.conftest import Rows

from tunewarden_audit.verify import Grade, verify

pytestmark = pytest.mark.bench

MAKER = Path(__file__).parents[1] / "audit" / "golden.py"
TIMES = 10_000


def test_how_many_changed_bits_of_a_bundle_are_detected(rows: Rows) -> None:
    golden = SimpleNamespace(**runpy.run_path(str(MAKER)))
    whole = golden.build()
    bits = random.SystemRandom().sample(range(8 * len(whole)), TIMES)
    missed = [bit for bit in bits if _verdict(golden, whole, bit) is not Grade.INVALID]
    assert missed == []
    rows.add(
        f"one changed bit of a bundle, of {TIMES:,} different ones, is detected",
        [TIMES - len(missed)],
        unit="bits",
        goal=TIMES,
        bound="at_least",
        baseline=f"a bundle of {8 * len(whole):,} bits",
    )


def _verdict(golden: SimpleNamespace, whole: bytes, bit: int) -> Grade:
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << bit % 8
    return verify(bytes(changed), [golden.KEY.verifier]).verdict
