"""The work: the heavy libraries live only here.

The steps run in the order of `StepName`; `GUARDED` says of which the training gate judges what they made, before the
next may begin.
"""

from tunewarden.domain.training import StepName

GUARDED = frozenset({StepName.DEIDENTIFY})
