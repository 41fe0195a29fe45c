"""What a training plan may be, by the policies of the house (`training.toml`, `base-models.toml`)."""

from collections.abc import Set
from dataclasses import dataclass

from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.privacy import MOST_CONTRIBUTIONS, PrivacyUnit
from tunewarden.domain.training import NoiseForm, Precision, Recipe, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPolicy:
    """What may be asked for; everything else is refused.

    Attributes:
        units: the privacy units. Where a record is one, epsilon still stands for a person with all their records.
        rows_per_person: rows of one person in an update (unit person), or in the whole training (unit record), at most.
        because: why it is as it is, for whoever is refused.
        twins: whether a plan may have a model trained without noise, on held-out persons who agreed, to be compared.
    """

    units: Set[PrivacyUnit]
    rows_per_person: int
    precisions: Set[Precision]
    noise: Set[NoiseForm]
    because: str
    twins: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.rows_per_person <= MOST_CONTRIBUTIONS:
            raise Malformed("policy_malformed", f"Rows of one person are 1 to {MOST_CONTRIBUTIONS}.")

    def require(self, unit: PrivacyUnit, rows_per_person: int, precision: Precision, noise: NoiseForm) -> None:
        """Raise `Refused` for what is not allowed, `Malformed` for a number of rows that cannot be."""
        if not 1 <= rows_per_person <= self.rows_per_person:
            raise Malformed(
                "rows_per_person_out_of_range",
                f"Rows of one person are 1 to {self.rows_per_person}.",
                param="governance.privacy.rows_per_person",
            )
        asked = ((unit, self.units, "unit"), (precision, self.precisions, "precision"), (noise, self.noise, "noise"))
        for value, allowed, param in asked:
            if value not in allowed:
                raise Refused(
                    "not_in_training_policy",
                    f"The {param} {value} is not allowed here; it may be: {', '.join(sorted(allowed))}. {self.because}",
                    remedy="Ask for what is allowed, or have policies/training.toml changed.",
                    who="privacy-officer",
                    param=f"governance.privacy.{param}",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFit:
    """What a base model of the allowlist can learn, and how a recipe has to be for it. Not checked here: the weights.

    Attributes:
        tasks: what may be learnt with it; never empty.
        lora_targets, max_tokens, lower_case: as in `domain.training.Recipe`.
    """

    tasks: Set[Task]
    lora_targets: tuple[str, ...] = Recipe().lora_targets
    max_tokens: int = Recipe().max_tokens
    lower_case: bool = Recipe().lower_case

    def require(self, task: Task) -> None:
        """Raise `Refused` where the base model cannot learn this."""
        if task not in self.tasks:
            raise Refused(
                "task_not_for_base_model",
                f"The base model is not for the task '{task}'; it is for: {', '.join(sorted(self.tasks))}.",
                remedy="Name a base model that is for it, or have policies/base-models.toml changed.",
                who="administrator",
                param="model",
            )
