"""A small dataset version of emergency notes, and an attempt to de-identify it."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from tunewarden.domain.canonical import Plain, decode, encode, from_plain
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.deidentification import Profile
from tunewarden.domain.names import DatasetId, Digest, PolicyName, RequestId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import BaseModel, Plan, Recipe
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.detector import Detector
from tunewarden.usecases.ports import Attempt

POLICIES = Path(__file__).parents[3] / "policies"
SOME_DIGEST = Digest("sha256:" + "0" * 64)


@pytest.fixture(scope="session")
def policies() -> FilePolicies:
    return FilePolicies(POLICIES)


@pytest.fixture(scope="session")
def default(policies: FilePolicies) -> Deidentifier:
    return Deidentifier(Detector(profile(policies, "default")))


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def attempt(blobs: MemoryBlobs, policies: FilePolicies) -> Callable[..., Attempt]:
    """(records, name of the profile) -> an attempt; every digest that the step does not read is made up."""

    def make(records: Sequence[Mapping[str, object]], profile_name: str = "default") -> Attempt:
        lines = b"".join(encode(cast(Plain, record)) + b"\n" for record in records)
        return Attempt(
            request=RequestId("request-1"),
            number=1,
            plan=planned(blobs.put_bytes(policies.profile(PolicyName(profile_name)))),
            records=blobs.put_bytes(lines),
            labels=("no", "yes"),
            outputs={},
            charge=lambda _: None,
        )

    return make


def profile(policies: FilePolicies, name: str) -> Profile:
    return from_plain(Profile, decode(policies.profile(PolicyName(name))))


def planned(profile_digest: Digest) -> Plan:
    """A plan with that profile."""
    return Plan(
        base_model=BaseModel(name=PolicyName("tiny"), digest=SOME_DIGEST),
        dataset=DatasetId("dataset-1"),
        dataset_version=SOME_DIGEST,
        profile=profile_digest,
        training_gate=SOME_DIGEST,
        purpose=Purpose.RESEARCH,
        recipe=Recipe(),
        mechanism=Mechanism(
            unit=PrivacyUnit.PERSON,
            relation=Relation.ADD_OR_REMOVE_ONE,
            sampling_rate=Decimal("0.1"),
            noise_multiplier=Decimal(1),
            updates=10,
        ),
        epsilon=Decimal(8),
        delta=Decimal("0.0001"),
    )
