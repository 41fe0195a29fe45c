"""What is too grave to be only a failing rule of a gate: a model shown to leak more than was promised."""

from collections.abc import Iterator

from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import ModelId
from tunewarden.domain.privacy_events import PromiseDisproved
from tunewarden.domain.training import TrainingRequest

_SHOWN, _EXCESS = "privacy.epsilon_lower_bound", "privacy.epsilon_excess"


def alarms(request: TrainingRequest, model: ModelId, evidence: Evidence) -> Iterator[PromiseDisproved]:
    """The alarm that `evidence` about a model version raises, if any; whatever the gate of the day asks for."""
    found = {measurement.metric: measurement.value for measurement in evidence.measurements}
    if _SHOWN in found and found.get(_EXCESS, 0) > 0:
        yield PromiseDisproved(
            model=model,
            request=request.id,
            claimed=found[_SHOWN] - found[_EXCESS],
            shown=found[_SHOWN],
            delta=request.plan.delta,
        )
