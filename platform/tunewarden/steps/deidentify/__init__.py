"""De-identification with Presidio: recognise, transform, and measure what is left.

`step.DeidentifyStep` is the step. A text is normalised (`normalise`), read by the engine of its profile (`engines`) and
by recognisers (`recognisers`); what they found is settled (`spans`, `known`) and transformed (`operators`).
"""
