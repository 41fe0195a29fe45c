"""What finds identifiers beside the model: patterns, rules for names and lists of places, and whole words of context.

Presidio's engine asks recognisers by one language, while a profile may have several and one text may mix them. So all
of them are registered under one internal code, `LANGUAGE`, and which ones take part follows from the profile.

Presidio's context rule needs lemmas, which nothing here makes, so it would silently never fire; `WholeWordContext`
stands in its place. Presidio's recognisers of e-mail addresses and URLs are not used: they fetch the list of public
suffixes from the network. Those of issued numbers lend their forms and checksums to `patterns_issued`.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import regex
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer

from tunewarden.domain.errors import Malformed
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.gazetteer import find_listed
from tunewarden.steps.deidentify.names import find_names
from tunewarden.steps.deidentify.patterns import Pattern
from tunewarden.steps.deidentify.patterns_addresses import ADDRESSES
from tunewarden.steps.deidentify.patterns_en import ENGLISH
from tunewarden.steps.deidentify.patterns_es import SPANISH
from tunewarden.steps.deidentify.patterns_issued import ISSUED
from tunewarden.steps.deidentify.patterns_labels import LABELS
from tunewarden.steps.deidentify.patterns_numbers import LANGUAGE_FREE
from tunewarden.steps.deidentify.patterns_places import PLACES
from tunewarden.steps.deidentify.patterns_reach import REACH
from tunewarden.steps.deidentify.patterns_table import Table
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.tables import find_in_tables

LANGUAGE = "en"
"""The code under which every recogniser is registered. Nobody outside sees it."""

PATTERNS: Mapping[str, tuple[Pattern, ...]] = MappingProxyType({"en": ENGLISH, "es": SPANISH})
"""Language -> patterns of its words. Patterns of numbers, labels and addresses are tried in every language."""

ENTITY_OF: Mapping[str, EntityType] = MappingProxyType(
    {
        **{entity.value: entity for entity in EntityType},
        "CREDIT_CARD": EntityType.CARD,
        "CRYPTO": EntityType.ACCOUNT,
        "DATE_TIME": EntityType.DATE,
        "EMAIL_ADDRESS": EntityType.EMAIL,
        "IBAN_CODE": EntityType.IBAN,
        "IP_ADDRESS": EntityType.IP,
        "LOCATION": EntityType.PLACE,
        "MAC_ADDRESS": EntityType.MAC,
        "MEDICAL_LICENSE": EntityType.LICENCE,
        "NRP": EntityType.DEMOGRAPHIC,
        "ORGANIZATION": EntityType.ORGANISATION,
        "PERSON": EntityType.NAME,
        "PHONE_NUMBER": EntityType.PHONE,
        "URL": EntityType.URL,
        "US_BANK_NUMBER": EntityType.ACCOUNT,
        "US_DRIVER_LICENSE": EntityType.LICENCE,
        "US_ITIN": EntityType.SSN,
        "US_MBI": EntityType.HEALTH_PLAN,
        "US_NPI": EntityType.LICENCE,
        "US_PASSPORT": EntityType.PASSPORT,
        "US_SSN": EntityType.SSN,
        "UUID": EntityType.OTHER_ID,
    }
)
"""Presidio's words and ours -> ours."""

CONTEXT_KEY = "context"
"""In a result's metadata: words of which one nearby supports it; `CONTEXT_AFTER_KEY`: whether also behind it."""
CONTEXT_AFTER_KEY = "context-after"


class PatternRecogniser(EntityRecognizer):  # type: ignore[misc]  # Presidio is not typed
    """The patterns of some languages."""

    def __init__(self, languages: Iterable[str]) -> None:
        spoken = (pattern for language in languages for pattern in PATTERNS[language])
        self.table = Table((*spoken, *LANGUAGE_FREE, *REACH, *LABELS, *ADDRESSES, *PLACES, *ISSUED))
        entities = {pattern.entity.value for pattern in self.table.patterns}
        super().__init__(supported_entities=sorted(entities), name="patterns", supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: object = None) -> list[RecognizerResult]:  # noqa: ARG002
        """Every match in `text`. Raises `Refused` where the patterns take too long on it."""
        results = []
        for found in self.table.find(text):
            result = _result(self, found.span)
            if found.pattern.context:
                result.recognition_metadata[CONTEXT_KEY] = found.pattern.context
                result.recognition_metadata[CONTEXT_AFTER_KEY] = found.pattern.context_after
            results.append(result)
        return results


class NameRecogniser(EntityRecognizer):  # type: ignore[misc]  # Presidio is not typed
    """Names of persons; see `names.py`."""

    def __init__(self) -> None:
        super().__init__(supported_entities=[EntityType.NAME.value], name="names", supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load: the lists are read with the module."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: object = None) -> list[RecognizerResult]:  # noqa: ARG002
        """Every name found in `text`."""
        return [_result(self, span) for span in find_names(text)]


class ListRecogniser(EntityRecognizer):  # type: ignore[misc]  # Presidio is not typed
    """Places and peoples; see `gazetteer.py`."""

    def __init__(self) -> None:
        entities = [EntityType.DEMOGRAPHIC.value, EntityType.PLACE.value]
        super().__init__(supported_entities=entities, name="lists", supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load: the lists are read with the module."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: object = None) -> list[RecognizerResult]:  # noqa: ARG002
        """Every place and people of the lists in `text`."""
        return [_result(self, span) for span in find_listed(text)]


class TableRecogniser(EntityRecognizer):  # type: ignore[misc]  # Presidio is not typed
    """Cells under a head that says what they are; see `tables.py`."""

    def __init__(self) -> None:
        super().__init__(supported_entities=sorted(EntityType), name="tables", supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: object = None) -> list[RecognizerResult]:  # noqa: ARG002
        """Every cell of a named column in `text`."""
        return [_result(self, span) for span in find_in_tables(text)]


class WholeWordContext(ContextAwareEnhancer):  # type: ignore[misc]  # Presidio is not typed
    """Raises the score of a weak match that a word of context stands near: whole words of the raw text.

    The words are those of the match's pattern or, for a recogniser of Presidio, of the recogniser. They count up to
    five words before the match and, where the pattern or recogniser says so (`context_after`), three behind it.
    Presidio's own rule compares lemmas (none without a model) and substrings ("lic" in "public").
    """

    _WORD = regex.compile(r"\[[A-Z-]+\]|[\p{L}\d]+")
    _WINDOW = 60  # characters

    def __init__(self) -> None:
        super().__init__(
            context_similarity_factor=0.35,
            min_score_with_context_similarity=0.4,
            context_prefix_count=5,
            context_suffix_count=3,
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
        of = {each.id: (frozenset(map(str.lower, each.context or ())), _looks_behind(each)) for each in recognizers}
        for result in raw_results:
            metadata = result.recognition_metadata
            own, own_after = of[metadata[RecognizerResult.RECOGNIZER_IDENTIFIER_KEY]]
            words = metadata.get(CONTEXT_KEY, own)
            if words and not words.isdisjoint(self._near(text, result, metadata.get(CONTEXT_AFTER_KEY, own_after))):
                raised = result.score + self.context_similarity_factor
                result.score = min(1.0, max(raised, self.min_score_with_context_similarity))
        return raw_results

    def _near(self, text: str, result: RecognizerResult, after: bool) -> list[str]:
        before = self._words(text[max(0, result.start - self._WINDOW) : result.start])[-self.context_prefix_count :]
        if not after:
            return before
        return before + self._words(text[result.end : result.end + self._WINDOW])[: self.context_suffix_count]

    def _words(self, window: str) -> list[str]:
        return [word.lower() for word in self._WORD.findall(window)]


def recognisers(languages: Sequence[str]) -> tuple[EntityRecognizer, ...]:
    """A fresh set for texts in any of these languages, for one engine.

    Raises `Malformed` for a language without recognisers.
    """
    missing = [language for language in languages if language not in PATTERNS]
    if missing or not languages:
        raise Malformed(
            "language_without_recogniser",
            f"The profile is for a language without recognisers; there are some for: {', '.join(sorted(PATTERNS))}.",
            remedy="Use a profile for languages that have recognisers.",
            who="administrator",
            param="languages",
        )
    return (PatternRecogniser(languages), NameRecogniser(), ListRecogniser(), TableRecogniser())


def _looks_behind(recogniser: EntityRecognizer) -> bool:
    return bool(getattr(recogniser, "context_after", False))


def _result(recogniser: EntityRecognizer, span: Span) -> RecognizerResult:
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
