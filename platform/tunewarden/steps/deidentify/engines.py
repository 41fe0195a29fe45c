"""The engine of a profile: the model that recognises names, places and the like, driven as Presidio's NLP engine.

Presidio hands every recogniser what its NLP engine made of the text. Here that is what the model read, with its
probabilities, for a whole batch of texts at once; `ModelRecogniser` turns it into results at the threshold that is
asked for. No engine reaches the network, and none is loaded whose folder is not the pinned one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import regex
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

from tunewarden.domain.deidentification import Engine, EngineKind
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.word_lists import PLAIN

MODEL = "model"
"""Name of the recogniser whose results are the model's; `detector.py` holds them to the engine's threshold."""

Read = Callable[[Sequence[str], float], Sequence[Sequence[Span]]]
"""(texts, least probability) -> what the model found in each; scores are probabilities."""

ENTITY_OF_LABEL: Mapping[str, EntityType] = MappingProxyType(
    {
        **{entity.value: entity for entity in EntityType},
        "per": EntityType.NAME,
        "person": EntityType.NAME,
        "patient": EntityType.NAME,
        "doctor": EntityType.NAME,
        "loc": EntityType.PLACE,
        "location": EntityType.PLACE,
        "gpe": EntityType.PLACE,
        "fac": EntityType.PLACE,
        "city": EntityType.PLACE,
        "org": EntityType.ORGANISATION,
        "organization": EntityType.ORGANISATION,
        "hospital": EntityType.ORGANISATION,
        "norp": EntityType.DEMOGRAPHIC,
        "profession": EntityType.OCCUPATION,
        "date_time": EntityType.DATE,
        "id": EntityType.OTHER_ID,
        "email_address": EntityType.EMAIL,
        "phone_number": EntityType.PHONE,
    }
)
"""Words that other people's models use, in lower case -> ours. A label that is not here is not looked for."""


_WORD = regex.compile(r"[\p{L}\p{M}]+")
_SURE = 0.95
_MAY_BE_PROSE = frozenset(
    {EntityType.NAME, EntityType.PLACE, EntityType.ORGANISATION, EntityType.OTHER_ID}
    | {EntityType.DEMOGRAPHIC, EntityType.OCCUPATION, EntityType.PARTICULAR}
)


class ReadTexts(NlpArtifacts):  # type: ignore[misc]  # Presidio is not typed
    """What an engine read in one text: the model's spans, in place of Presidio's tokens and lemmas."""

    def __init__(self, spans: Sequence[Span], engine: "ModelEngine", language: str) -> None:
        super().__init__(entities=[], tokens=None, tokens_indices=[], lemmas=[], nlp_engine=engine, language=language)
        self.spans = spans


class ModelEngine(NlpEngine):  # type: ignore[misc]  # Presidio is not typed
    """A model as Presidio's NLP engine; `read` is what it does, and `patterns_alone` where it does nothing."""

    engine_name = "tunewarden"
    is_available = True

    def __init__(self, read: Read, language: str) -> None:
        self._read, self._language = read, language

    def load(self) -> None:
        """Nothing to load: the model came with `read`."""

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> ReadTexts:
        """One text; batches are faster."""
        return next(iter(self.process_batch([text], language)))[1]

    def process_batch(
        self,
        texts: Iterable[str],
        language: str,
        batch_size: int = 1,  # noqa: ARG002  the model makes its own batches, by length
        n_process: int = 1,  # noqa: ARG002
        **options: Any,
    ) -> Iterator[tuple[str, ReadTexts]]:
        """Every text with what was read in it. Option `threshold`: the least probability, 0.5 unless given."""
        several = list(texts)
        read = self._read(several, float(options.get("threshold", 0.5)))
        for text, spans in zip(several, read, strict=True):
            yield text, ReadTexts(spans, self, language)

    def is_stopword(self, word: str, language: str) -> bool:  # noqa: ARG002
        return False

    def is_punct(self, word: str, language: str) -> bool:  # noqa: ARG002
        return False

    def get_supported_entities(self) -> list[str]:
        return sorted(EntityType)

    def get_supported_languages(self) -> list[str]:
        return [self._language]


class ModelRecogniser(EntityRecognizer):  # type: ignore[misc]  # Presidio is not typed
    """What the engine read, as Presidio's results; an allow list, a context rule or another recogniser sees them."""

    def __init__(self, language: str) -> None:
        super().__init__(supported_entities=sorted(EntityType), name=MODEL, supported_language=language)

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: ReadTexts) -> list[RecognizerResult]:  # noqa: ARG002
        """One result a span that the model found."""
        metadata = {
            RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
        }
        return [
            RecognizerResult(
                entity_type=span.entity.value,
                start=span.start,
                end=span.end,
                score=span.score,
                recognition_metadata=metadata,
            )
            for span in nlp_artifacts.spans
        ]


def reader(engine: Engine, models: Path | None, threads: int) -> Read:
    """The model that `engine` names, loaded.

    Args:
        models: folder with one folder for each other model than the shipped one.
        threads: that it may use.

    Raises `Malformed` where the engine's kind is not installed or there is no folder of that name, and `Corrupted`
    where its files are not the pinned ones. Not checked: how good the model is; the evidence measures that.
    """
    if engine.kind is EngineKind.PATTERNS:
        return patterns_alone
    if engine.kind is EngineKind.STARTER:
        return _starter(threads)
    if models is None:
        raise Malformed(
            "engine_without_folder",
            f"The profile's engine is a model of the kind {engine.kind}, and no folder with models is set.",
            remedy="Set TUNEWARDEN_RECOGNISERS to the folder that holds the model's folder.",
            who="administrator",
            param="engine.model",
        )
    from tunewarden.steps.deidentify import other_engines

    return other_engines.reader(engine, models)


def patterns_alone(texts: Sequence[str], threshold: float) -> Sequence[Sequence[Span]]:  # noqa: ARG001
    """No model: nothing found."""
    return [()] * len(texts)


def _starter(threads: int) -> Read:
    from tunewarden.steps.deidentify.tagger.inference import Tagger

    tagger = Tagger(threads=threads)

    def read(texts: Sequence[str], threshold: float) -> Sequence[Sequence[Span]]:
        return [
            [span for span in tagger.spans(tokens, threshold) if not is_prose(text, span)]
            for text, tokens in zip(texts, tagger.probabilities(texts), strict=True)
        ]

    return read


def is_prose(text: str, span: Span) -> bool:
    """Whether a span of which the model is not sure holds nothing but words of clinical and office prose, all in small
    letters or all in capitals, so that their case says nothing: "chest pain", "TETANUS".

    Leaving such spans out lost next to nothing in court cases, case reports, encyclopedia and made-up texts, and a
    sixth of what is wrongly hidden in narratives in capitals.
    """
    if span.entity not in _MAY_BE_PROSE or span.score >= _SURE:
        return False
    written = text[span.start : span.end]
    words = _WORD.findall(written)
    return bool(words) and (written.isupper() or written.islower()) and all(folded(word) in PLAIN for word in words)
