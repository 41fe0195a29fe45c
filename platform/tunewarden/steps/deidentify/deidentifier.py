"""One profile applied to the texts of one person: find, look for what is known, settle overlaps, transform."""

from collections.abc import Iterable, Sequence
from itertools import chain

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.detector import Detector
from tunewarden.steps.deidentify.known import sweep
from tunewarden.steps.deidentify.operators import Cleaned, Transformer
from tunewarden.steps.deidentify.person import Person
from tunewarden.steps.deidentify.rare import find_rare
from tunewarden.steps.deidentify.spans import Span, propagate, resolve


class Deidentifier:
    """A detector and the operators of its profile, or of another one that transforms more."""

    def __init__(self, detector: Detector, profile: Profile | None = None) -> None:
        self.detector = detector
        self.profile = detector.profile if profile is None else profile
        self.transformer = Transformer(self.profile)

    def settle(self, text: str, found: Iterable[Span], person: Person | None = None) -> tuple[Span, ...]:
        """What of `text` the profile transforms, disjoint and in order.

        `found` are the detector's candidates. To them come the other places where a found name stands, here and in the
        person's other texts, the values of the person's own columns, and rare conditions where the profile transforms
        them.
        """
        candidates = list(found)
        known = sweep(text, person.known) if person is not None else ()
        everywhere = propagate(text, candidates, person.names if person is not None else ())
        keeps_rare = self.profile.operator(EntityType.RARE_CONDITION) is Operator.KEEP
        rare = () if keeps_rare else find_rare(text)
        # A kept kind is dropped before overlaps are settled, so that it cannot uncover what another kind covers.
        return resolve(
            span
            for span in chain(candidates, everywhere, known, rare)
            if self.profile.operator(span.entity) is not Operator.KEEP
        )

    def transformed(self, texts: Sequence[str]) -> list[tuple[Span, ...]]:
        """What the profile transforms in each text, by that text alone: nothing is known of the person."""
        return [self.settle(text, found) for text, found in zip(texts, self.detector.find(texts), strict=True)]

    def clean(self, texts: Sequence[str], person: Person) -> list[Cleaned]:
        """Texts of one person after the profile; what was found in one of them is not carried to the others."""
        return [
            self.transformer.apply(text, self.settle(text, found, person), person)
            for text, found in zip(texts, self.detector.find(texts), strict=True)
        ]
