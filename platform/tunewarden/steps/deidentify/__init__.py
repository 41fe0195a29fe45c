"""De-identification with Presidio: recognise, transform, and measure what is left.

`step.DeidentifyStep` is the step; it lets `release` stream the records through `detector.Deidentifier` and `residual`
measure. What is recognised stands in `patterns` and `names`, the engine and context in `recognisers`.
"""

from tunewarden.steps.deidentify.step import DeidentifyStep

__all__ = ["DeidentifyStep"]
