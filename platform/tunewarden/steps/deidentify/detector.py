"""Finding: texts in, candidates for identifiers out. Nothing is decided here between candidates that overlap."""

from collections.abc import Callable, Sequence
from pathlib import Path

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult

from tunewarden.domain.deidentification import Profile
from tunewarden.steps.deidentify.engines import MODEL, ModelEngine, ModelRecogniser, Read, reader
from tunewarden.steps.deidentify.normalise import Normalised, normalise
from tunewarden.steps.deidentify.placeholders import ours, outside
from tunewarden.steps.deidentify.recognisers import ENTITY_OF, LANGUAGE, WholeWordContext, recognisers
from tunewarden.steps.deidentify.spans import Span

Recognise = Callable[[Sequence[str]], Sequence[EntityRecognizer]]
"""Languages -> a fresh set of recognisers for one engine."""


class Detector:
    """The recognisers of one profile, for texts one batch after the other. Building it takes a moment; keep it.

    Not safe to be used by several threads at once.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        models: Path | None = None,
        threads: int = 1,
        recognise: Recognise = recognisers,
        read: Read | None = None,
    ) -> None:
        """`read` stands in for the profile's engine; `models` and `threads` as in `engines.reader`.

        Raises `Malformed` for a language without recognisers, and what `engines.reader` raises.
        """
        self.profile = profile
        self._engine = ModelEngine(reader(profile.engine, models, threads) if read is None else read, LANGUAGE)
        active = [*recognise(profile.languages), ModelRecogniser(LANGUAGE)]
        self.recognisers: tuple[str, ...] = tuple(sorted(recogniser.name for recogniser in active))
        self._analyzer = AnalyzerEngine(
            registry=RecognizerRegistry(recognizers=active, supported_languages=[LANGUAGE]),
            nlp_engine=self._engine,
            supported_languages=[LANGUAGE],
            context_aware_enhancer=WholeWordContext(),
        )

    def find(self, texts: Sequence[str], *, scale: float = 1.0) -> list[list[Span]]:
        """Candidates in each text, of every kind, overlapping as they may, in code points of the text as it was given.

        `scale` multiplies both thresholds of the profile: 0.5 looks twice as closely. Raises `Refused` for a text on
        which a pattern takes too long. What we wrote in a text before (`placeholders.ours`) is none.
        """
        written = [ours(text) for text in texts]
        normalised = [normalise(text) for text in texts]
        least = float(self.profile.threshold) * scale
        least_probability = float(self.profile.engine.threshold) * scale
        read = self._engine.process_batch([each.text for each in normalised], LANGUAGE, threshold=least_probability)
        found = []
        for each, (text, artifacts) in zip(normalised, read, strict=True):
            results = self._analyzer.analyze(text, LANGUAGE, score_threshold=0.0, nlp_artifacts=artifacts)
            found.append([_span(each, result) for result in results if _model(result) or result.score >= least])
        return [
            spans if not places else [part for span in spans for part in outside(span, text, places)]
            for text, places, spans in zip(texts, written, found, strict=True)
        ]


def _model(result: RecognizerResult) -> bool:
    """Whether the engine's model found it: then it has passed the engine's own threshold."""
    name: str = result.recognition_metadata[RecognizerResult.RECOGNIZER_NAME_KEY]
    return name == MODEL


def _span(normalised: Normalised, result: RecognizerResult) -> Span:
    start, end = normalised.original(result.start, result.end)
    return Span(start=start, end=end, entity=ENTITY_OF[result.entity_type], score=result.score)
