"""The work: the heavy libraries live only here.

The steps run in the order of `StepName`; `GUARDS` says which gate judges what a step made before the next may begin.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tunewarden.domain.names import PolicyName
from tunewarden.domain.training import StepName

GUARDS: Mapping[StepName, PolicyName] = MappingProxyType({StepName.DEIDENTIFY: PolicyName("training")})
