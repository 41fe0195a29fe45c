"""The door to the policy files that say what may be asked for and what has to hold, each pinned by digest."""

from typing import Protocol

from tunewarden.domain.allowed import BaseFit, TrainingPolicy
from tunewarden.domain.cohorts import PersonLimit
from tunewarden.domain.fairness import FairnessPolicy
from tunewarden.domain.gates import Gate
from tunewarden.domain.names import PolicyName
from tunewarden.domain.quorum import Quorum
from tunewarden.domain.removals import AliasRules
from tunewarden.domain.training import BaseModel


class Policies(Protocol):
    """The policy files, each pinned by digest."""

    def gate(self, name: PolicyName) -> Gate:
        """Raise `NotFound`, or `Malformed` for a file that breaks its own form."""

    def training(self) -> TrainingPolicy:
        """What a plan may be. Raise `Malformed` for a file that breaks its own form."""

    def profile(self, name: PolicyName) -> bytes:
        """The canonical bytes of a de-identification profile; their digest names it. Raises `NotFound`."""

    def base_model(self, name: PolicyName) -> BaseModel:
        """Of the allowlist; raise `Refused` for any other."""

    def base_fit(self, name: PolicyName) -> BaseFit:
        """What that base model can learn, and how; raises as `base_model` does."""

    def person_limit(self, namespace: PolicyName) -> PersonLimit:
        """What one person may lose over all datasets of a namespace; raise `Refused` for one that is not named."""

    def registry(self) -> AliasRules:
        """Which aliases there are, and which of them are protected."""

    def fairness(self) -> FairnessPolicy:
        """What is compared between groups. Raise `Malformed` for a file that breaks its own form."""

    def questions(self) -> bytes | None:
        """Own questions to models that complete texts (`domain/questions.py`); None for the shipped ones."""

    def quorum(self) -> Quorum:
        """Who has to agree to a plan. Raise `Malformed` for a file that breaks its own form."""
