"""What a gate demands of a de-identification profile, before anything is read under it."""

from decimal import Decimal

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import Bound, Gate
from tunewarden.domain.identifiers import EntityType

_RECALL = "deid.planted_recall."


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
