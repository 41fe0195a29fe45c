"""Finding and transforming: one text in, the same text without its identifiers out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import OperatorConfig, RecognizerResult as Found

from tunewarden.domain.deidentification import EntityType, Operator, Profile
from tunewarden.domain.errors import Malformed
from tunewarden.steps.deidentify.recognisers import ENTITY_OF, LANGUAGE, WholeWordContext
from tunewarden.steps.deidentify.spans import Span, propagate, resolve, sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A text after its profile, and what was transformed: spans of the text as it was before."""

    text: str
    spans: tuple[Span, ...]


class Deidentifier:
    """One profile, applied to texts one after the other. Building it takes a moment; keep it."""

    def __init__(self, profile: Profile, recognisers: Sequence[EntityRecognizer]) -> None:
        """Raises `Malformed` for a language that there are no recognisers for."""
        if profile.language != LANGUAGE:
            raise Malformed(
                "language_without_recogniser",
                f"The profile is for a language without recognisers; there are recognisers for: {LANGUAGE}.",
                remedy="Use a profile for a language that has recognisers.",
                who="administrator",
            )
        self.profile = profile
        self._threshold = float(profile.threshold)
        self._analyzer = AnalyzerEngine(
            registry=RecognizerRegistry(recognizers=list(recognisers), supported_languages=[LANGUAGE]),
            nlp_engine=NoOpNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": "none"}]),
            supported_languages=[LANGUAGE],
            context_aware_enhancer=WholeWordContext(),
        )
        self._anonymizer = AnonymizerEngine()
        self._operators = {entity.value: _presidio(entity, profile.operator(entity)) for entity in EntityType}

    def find(self, text: str, known: Sequence[str] = (), threshold: float | None = None) -> tuple[Span, ...]:
        """Identifiers of `text` that the profile transforms, disjoint and in order.

        `known` are values of the record's own columns; `threshold` stands in for the profile's.
        """
        least = self._threshold if threshold is None else threshold
        results = self._analyzer.analyze(text, language=LANGUAGE, score_threshold=least)
        found = [
            Span(start=result.start, end=result.end, entity=ENTITY_OF[result.entity_type], score=result.score)
            for result in results
        ]
        everything: Iterable[Span] = [*found, *propagate(text, found), *sweep(text, known)]
        # A kept kind is dropped before overlaps are settled, so that it cannot uncover what another kind covers.
        return resolve(span for span in everything if self.profile.operator(span.entity) is not Operator.KEEP)

    def clean(self, text: str, known: Sequence[str] = ()) -> Cleaned:
        """`text` after the profile."""
        spans = self.find(text, known)
        found = [Found(entity_type=span.entity.value, start=span.start, end=span.end, score=1.0) for span in spans]
        result = self._anonymizer.anonymize(text, found, operators=self._operators, merge_entities_with_spaces=False)
        return Cleaned(text=result.text, spans=spans)


def placeholder(entity: EntityType) -> str:
    """What stands in the place of a replaced identifier."""
    return f"[{entity.value.upper()}]"


def _presidio(entity: EntityType, operator: Operator) -> OperatorConfig:
    match operator:
        case Operator.REPLACE:
            return OperatorConfig("replace", {"new_value": placeholder(entity)})
        case Operator.REDACT:
            return OperatorConfig("redact")
        case Operator.MASK:
            return OperatorConfig("custom", {"lambda": lambda text: "*" * len(text)})
        case Operator.KEEP:
            return OperatorConfig("keep")
