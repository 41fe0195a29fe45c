"""The questions, made once; and the folder in which foreign programs are kept between runs."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.foreign.cases import Case, checkpoint_cases, consistency_cases, inclusion_cases

Cases = dict[str, list[Case]]
Ask = Callable[[list[Case]], list[bool]]


@pytest.fixture(scope="session")
def cases() -> Cases:
    """By kind. Of inclusion and of consistency 2,145 each, and 6 with a large tree, are as we make them."""
    made = {
        "inclusion": list(inclusion_cases()),
        "consistency": list(consistency_cases()),
        "checkpoint": list(checkpoint_cases()),
    }
    assert [sum(case.valid for case in made[kind]) for kind in ("inclusion", "consistency")] == [2145 + 6, 2145 + 6]
    return made


@pytest.fixture(scope="session")
def kept() -> Path:
    """A folder beside the environment: what a build leaves here, `make clean` takes away."""
    return Path(sys.prefix)
