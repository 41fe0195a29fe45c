"""Made-up texts with known identifiers: to train the recogniser on, to measure it on, and to plant.

Templates and word lists are this project's own; lists of names come from Faker (MIT) or were collected by hand. Nothing
was copied from a corpus, and nobody in these texts exists. What they measure is how identifiers written like these are
found; only people who read a sample of a real output can say how many others are missed.
"""

from tunewarden.steps.deidentify.synthesis.generator import generate
from tunewarden.steps.deidentify.synthesis.splits import Split

__all__ = ["Split", "generate"]
