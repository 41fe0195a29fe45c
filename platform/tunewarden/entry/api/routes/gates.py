"""/v1/gates: the rules that have to hold before anything is trained, and before an alias names a model version."""

from tunewarden.domain.names import policy_name
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.gate_schemas import gate_out
from tunewarden.entry.api.schemas import Json, page
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import judging

router = Routes(prefix="/v1/gates", tags=["gates"])


@router.get("", summary="List gates")
def listed(called: Called) -> Json:
    """As they are today; plans and verdicts name the one they were made with by its digest."""
    return page([gate_out(one.gate, one.guards) for one in judging.guards(called.platform, called.principal)])


@router.get("/{name}", summary="A gate")
def get(called: Called, name: str) -> Json:
    """Every rule: metric, bound, limit, why it is there and what helps; a `hard` one cannot be overridden."""
    found = judging.guard(called.platform, called.principal, policy_name(name))
    return gate_out(found.gate, found.guards)
