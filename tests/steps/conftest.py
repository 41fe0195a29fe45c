"""What several steps share: one Ray for the whole test session, because starting it takes longer than any test."""

from collections.abc import Iterator

import pytest

from tunewarden.steps.ray_session import ray_session


@pytest.fixture(scope="session")
def ray_started() -> Iterator[None]:
    with ray_session("", 0):
        yield
