"""Where `tagger/augment.py` finds other names and towns."""

from tunewarden.steps.deidentify.synthesis.people import pick_origin
from tunewarden.steps.deidentify.synthesis.places import towns as cities

__all__ = ["cities", "pick_origin"]
