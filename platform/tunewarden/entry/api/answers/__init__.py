"""What answers look like: a type for each, and which operation gives which.

The interface description is made from these (`entry/api/description.py`), and tests hold every answer against them,
with no member more. Nothing here runs when a request is answered.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tunewarden.entry.api.answers import data, governing, organization, plans, registry, resources, training, webhooks

Operation = tuple[str, str]
"""Method and path, as the route has it."""

ANSWERS: Mapping[Operation, Any] = MappingProxyType(
    {
        **data.ANSWERS,
        **training.ANSWERS,
        **registry.ANSWERS,
        **governing.ANSWERS,
        **organization.ANSWERS,
        **plans.ANSWERS,
        **resources.ANSWERS,
        **webhooks.ANSWERS,
    }
)
"""The type of the JSON that each operation answers with, for status 200."""
