"""What finds identifiers: Presidio's own recognisers that need no language model, ours, and whole words of context.

Presidio is driven without an NLP engine: its default one would download a model, and its context rule needs lemmas
that a blank pipeline does not have, so it would silently never fire. Its recogniser of e-mail addresses is not used,
because it fetches the list of public suffixes from the network.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import regex
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    DateRecognizer,
    IbanRecognizer,
    IpRecognizer,
    MedicalLicenseRecognizer,
    PhoneRecognizer,
    UsItinRecognizer,
    UsMbiRecognizer,
    UsPassportRecognizer,
    UsSsnRecognizer,
)

from tunewarden.domain.deidentification import EntityType
from tunewarden.domain.errors import Refused
from tunewarden.steps.deidentify.names import find_names
from tunewarden.steps.deidentify.patterns import PATTERNS
from tunewarden.steps.deidentify.spans import Span

LANGUAGE = "en"
MATCH_SECONDS = (
    20  # for one pattern on one text; Presidio skips a pattern that takes too long, here the text is refused
)

ENTITY_OF: Mapping[str, EntityType] = MappingProxyType(
    {
        **{entity.value: entity for entity in EntityType},
        "CREDIT_CARD": EntityType.CARD,
        "DATE_TIME": EntityType.DATE,
        "IBAN_CODE": EntityType.IBAN,
        "IP_ADDRESS": EntityType.IP,
        "MEDICAL_LICENSE": EntityType.LICENCE,
        "PHONE_NUMBER": EntityType.PHONE,
        "US_ITIN": EntityType.SSN,
        "US_MBI": EntityType.HEALTH_PLAN,
        "US_PASSPORT": EntityType.OTHER_ID,
        "US_SSN": EntityType.SSN,
    }
)
"""Presidio's words and ours -> ours."""


class PatternTableRecogniser(EntityRecognizer):  # type: ignore[misc]  # Presidio is not typed
    """`patterns.PATTERNS`, each with a time limit."""

    def __init__(self) -> None:
        self._compiled = [(item, regex.compile(item.regex, regex.IGNORECASE)) for item in PATTERNS]
        super().__init__(supported_entities=sorted({item.entity.value for item in PATTERNS}), name="patterns")

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: object = None) -> list[RecognizerResult]:  # noqa: ARG002
        """Every match in `text`. Raises `Refused` where a pattern takes longer than `MATCH_SECONDS`."""
        found = []
        for item, compiled in self._compiled:
            try:
                for match in compiled.finditer(text, timeout=MATCH_SECONDS):
                    start, end = match.span("v" if "v" in compiled.groupindex else 0)
                    found.append(_result(self, Span(start=start, end=end, entity=item.entity, score=item.score)))
            except TimeoutError as error:
                raise Refused(
                    "text_too_slow",
                    f"Looking for identifiers of one kind ({item.entity}) took more than {MATCH_SECONDS} s.",
                    remedy="Split the text of this record.",
                    who="steward",
                ) from error
        return found


class NameRecogniser(EntityRecognizer):  # type: ignore[misc]  # Presidio is not typed
    """Names of persons; see `names.py`."""

    def __init__(self) -> None:
        super().__init__(supported_entities=[EntityType.NAME.value], name="names")

    def load(self) -> None:
        """Nothing to load: the lists are read with the module."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: object = None) -> list[RecognizerResult]:  # noqa: ARG002
        """Every name found in `text`."""
        return [_result(self, span) for span in find_names(text)]


class WholeWordContext(ContextAwareEnhancer):  # type: ignore[misc]  # Presidio is not typed
    """Raises the score of a weak match that a context word of its recogniser stands near: whole words of the raw text.

    Presidio's own rule compares lemmas (none without a model) and substrings ("lic" in "public").
    """

    _WORD = regex.compile(r"\[[A-Z-]+\]|[\p{L}\d]+")

    def __init__(self) -> None:
        super().__init__(
            context_similarity_factor=0.35,
            min_score_with_context_similarity=0.4,
            context_prefix_count=5,
            context_suffix_count=0,
        )

    def enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        nlp_artifacts: object,  # noqa: ARG002
        recognizers: Sequence[EntityRecognizer],
        context: Sequence[str] | None = None,  # noqa: ARG002
    ) -> list[RecognizerResult]:
        """The same results, some with a higher score; a placeholder such as `[PHONE]` is no context word."""
        words_of = {recogniser.id: {word.lower() for word in recogniser.context or ()} for recogniser in recognizers}
        for result in raw_results:
            words = words_of[result.recognition_metadata[RecognizerResult.RECOGNIZER_IDENTIFIER_KEY]]
            if words and not words.isdisjoint(self._before(text, result.start)):
                raised = result.score + self.context_similarity_factor
                result.score = min(1.0, max(raised, self.min_score_with_context_similarity))
        return raw_results

    def _before(self, text: str, start: int) -> list[str]:
        window = text[max(0, start - 60) : start]
        return [word.lower() for word in self._WORD.findall(window)[-self.context_prefix_count :]]


def recognisers() -> tuple[EntityRecognizer, ...]:
    """A fresh set, for one engine."""
    return (
        PatternTableRecogniser(),
        NameRecogniser(),
        DateRecognizer(),
        PhoneRecognizer(supported_regions=("US",), leniency=2),
        IpRecognizer(),
        UsSsnRecognizer(),
        UsItinRecognizer(),
        UsMbiRecognizer(),
        UsPassportRecognizer(),
        MedicalLicenseRecognizer(),
        CreditCardRecognizer(),
        IbanRecognizer(),
    )


def _result(recogniser: Any, span: Span) -> RecognizerResult:
    return RecognizerResult(
        entity_type=span.entity.value,
        start=span.start,
        end=span.end,
        score=span.score,
        recognition_metadata={
            RecognizerResult.RECOGNIZER_NAME_KEY: recogniser.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: recogniser.id,
        },
    )
