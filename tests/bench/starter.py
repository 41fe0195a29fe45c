"""The starter encoder, for benches."""

from pathlib import Path

from tests.conftest import POLICIES

from tunewarden.domain.names import PolicyName
from tunewarden.domain.training import BaseModel
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.train.base_model import BaseSource, locate

_NAME = PolicyName("all-minilm-l6-v2")


def starter() -> tuple[Path, BaseModel]:
    """Where its files lie, and what the allowlist says of it."""
    policies = FilePolicies(POLICIES)
    source, revision = policies.base_source(_NAME)
    return locate(BaseSource(source=source, revision=revision), allow_hub=False), policies.base_model(_NAME)
