"""Model versions by the names that clients know."""

from collections.abc import Mapping, Sequence

from tunewarden.domain.model_names import model_name
from tunewarden.domain.names import ModelId
from tunewarden.domain.registry import ModelVersion
from tunewarden.usecases.ports import Platform


def names(platform: Platform, models: Sequence[ModelVersion]) -> Mapping[ModelId, str]:
    """The name of each of these."""
    with platform.view() as view:
        requests = {model.id: view.requests.get(model.request) for model in models}
    return {
        model: model_name(request.plan.base_model.name, request.suffix, model) for model, request in requests.items()
    }
