"""What a gate demands of a de-identification profile, before anything is read under it."""

from decimal import Decimal

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.deidentification import Method, Operator, Profile
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import Bound, Gate
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.reviews import AGREED

_RECALL = "deid.planted_recall."

LIMITED_DATASET_PURPOSES = frozenset({Purpose.RESEARCH, Purpose.PUBLIC_HEALTH, Purpose.CARE_QUALITY})
"""45 CFR 164.514(e)(3)(i). Of the health care operations (164.501) the quality of care alone; the others would be as
lawful, but are no purposes that a dataset can have here."""


def demanded(gate: Gate) -> frozenset[EntityType]:
    """The kinds of identifiers of which the gate wants some planted ones to be found."""
    wanted = {rule.metric for rule in gate.rules if rule.bound is Bound.AT_LEAST and rule.limit > Decimal(0)}
    return frozenset(kind for kind in EntityType if _RECALL + kind in wanted)


def require_transformed(profile: Profile, gate: Gate) -> None:
    """Raises `Refused` where the profile leaves as it is what the gate wants transformed: it could never pass.

    Not checked: whether what the profile does transform is found often enough; that is measured.
    """
    kept = sorted(kind for kind in demanded(gate) if profile.operator(kind) is Operator.KEEP)
    if kept:
        raise Refused(
            "profile_keeps_what_gate_demands",
            f"The profile '{profile.name}' leaves in what the gate '{gate.name}' demands to be found and transformed: "
            f"{', '.join(kept)}.",
            remedy="Ask with another profile, or have a gate published that fits this one.",
            who="administrator",
            param="governance.deidentification_profile",
        )


def require_agreement_claimed(profile: Profile, gate: Gate) -> None:
    """Raises `Refused` where the gate wants a data use agreement stated and the profile's method knows of none.

    It could never pass: the statement goes with a signature that claims a limited data set.
    """
    wanted = {rule.metric for rule in gate.rules if rule.bound is Bound.AT_LEAST and rule.limit > Decimal(0)}
    if AGREED in wanted and profile.method is not Method.LIMITED_DATASET:
        raise Refused(
            "profile_not_limited",
            f"The gate '{gate.name}' is for limited data sets, and the profile '{profile.name}' does not make one.",
            remedy="Ask with a profile that claims a limited data set, or have another gate guard training.",
            who="administrator",
            param="governance.deidentification_profile",
        )


def require_purpose(method: Method, purpose: Purpose) -> None:
    """Raises `Refused` where the law does not allow this purpose for what the method leaves in."""
    if method is Method.LIMITED_DATASET and purpose not in LIMITED_DATASET_PURPOSES:
        raise Refused(
            "purpose_not_for_limited_dataset",
            f"A limited data set may be used for {', '.join(sorted(LIMITED_DATASET_PURPOSES))} only.",
            remedy="Ask with a profile that takes dates and ages out too, or for one of these purposes.",
            who="requester",
            param="governance.purpose",
        )
