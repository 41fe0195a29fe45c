"""De-identification: how fast it reads on one thread, and what it finds in texts that it was not trained on."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import spacy
import torch
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from tests.bench.conftest import Rows, interleaved
from tests.bench.dialogues import dialogues
from tests.conftest import POLICIES

from tunewarden.domain.deidentification import EngineKind, Profile, parse_profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.entry.cli.notes import generate as notes
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.detector import Detector
from tunewarden.steps.deidentify.engines import ModelEngine, ModelRecogniser, reader
from tunewarden.steps.deidentify.evaluate import Evaluation, evaluate
from tunewarden.steps.deidentify.gold_file import Identifies, Marked, MarkedText
from tunewarden.steps.deidentify.person import Person
from tunewarden.steps.deidentify.planted import covered
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.deidentify.recognisers import LANGUAGE, WholeWordContext, recognisers
from tunewarden.steps.deidentify.synthesis import Split, generate
from tunewarden.steps.deidentify.tagger.corpora import Part, court_cases, encyclopedia, spanish_cases
from tunewarden.steps.deidentify.tagger.gold import GoldText
from tunewarden.steps.deidentify.tagger.inference import Tagger
from tunewarden.steps.deidentify.tagger.labels import LABELS

pytestmark = pytest.mark.bench
DATA = Path(__file__).parents[3] / "shared" / "data"
NOWHERE = Digest("sha256:" + "0" * 64)


def profile(kind: EngineKind) -> Profile:
    made = parse_profile(PolicyName("default"), (POLICIES / "deid" / "default.toml").read_text())
    return replace(made, engine=replace(made.engine, kind=kind))


def texts() -> list[str]:
    """Short notes and longer made-up texts, half of the characters each or so."""
    made = [gold.text for gold in generate(300, 5, Split.HELD_OUT)]
    return [note.text for note in notes(200, seed=1)] + made


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("kind", "goal"), [(EngineKind.STARTER, 40_000), (EngineKind.PATTERNS, 150_000)])
def test_how_fast_texts_are_read_on_one_thread(rows: Rows, kind: EngineKind, goal: int) -> None:
    several = texts()
    characters = sum(map(len, several))
    detector = Detector(profile(kind))
    detector.find(several[:64])
    wall, processor = [], []
    for _ in range(3):
        began, used = time.perf_counter(), time.process_time()
        detector.find(several)
        wall.append(characters / (time.perf_counter() - began))
        processor.append(characters / (time.process_time() - used))
    baseline = f"{len(several)} texts of {characters // len(several)} characters on average"
    for unit, rates in (("characters/s", wall), ("characters/s of processor time", processor)):
        name = f"de-identification, finding, {kind}, one thread"
        rows.add(name, rates, unit=unit, goal=goal, bound="at_least", baseline=baseline)


@pytest.mark.parametrize(("kind", "goal"), [(EngineKind.STARTER, 1.0), (EngineKind.PATTERNS, 1.25)])
def test_how_that_compares_with_presidios_own_loop(rows: Rows, kind: EngineKind, goal: float) -> None:
    """The same recognisers in a stock `AnalyzerEngine`, one text after the other, which does not normalise them: with
    patterns alone, where batches gain nothing, that is what ours costs more."""
    several, chosen = texts()[::4], profile(kind)
    detector = Detector(chosen)
    engine = ModelEngine(reader(chosen.engine, None, 1), LANGUAGE)
    active = [*recognisers(chosen.languages), ModelRecogniser(LANGUAGE)]
    stock = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=active, supported_languages=[LANGUAGE]),
        nlp_engine=engine,
        supported_languages=[LANGUAGE],
        context_aware_enhancer=WholeWordContext(),
    )

    def theirs() -> None:
        for text in several:
            stock.analyze(text, LANGUAGE)

    rows.add(
        f"de-identification, finding, {kind}",
        interleaved(lambda: detector.find(several), theirs, 3),
        unit="ratio of time",
        goal=goal,
        bound="at_most",
        baseline="Presidio's AnalyzerEngine over the same recognisers, one text after the other",
    )


def test_how_the_shipped_recogniser_compares_with_a_small_cnn(rows: Rows) -> None:
    """spaCy's smallest kind of recogniser, over the same kinds. It is not trained, which its speed does not hang on: a
    trained one would have to find as much to be worth shipping beside ours, and be faster."""
    cnn = spacy.blank("en")
    recogniser = cnn.add_pipe("ner")
    for label in LABELS:
        recogniser.add_label(label)  # type: ignore[attr-defined]
    cnn.initialize()
    tagger = Tagger(threads=1)
    several = texts()
    rows.add(
        "recogniser, without patterns",
        interleaved(
            lambda: [tagger.spans(one, 0.2) for one in tagger.probabilities(several)],
            lambda: list(cnn.pipe(several, batch_size=64)),
            3,
        ),
        unit="ratio of time",
        goal=1.5,
        bound="at_most",
        baseline="a small CNN of spaCy in the same process, one thread",
    )


def marked(golds: Iterable[GoldText]) -> Iterator[MarkedText]:
    for gold in golds:
        spans = (
            Marked(start=span.start, end=span.end, type=None if span.entity is None else span.entity.value)
            for span in gold.spans
        )
        yield MarkedText(text=gold.text, spans=tuple(spans))


def direct(documents: Iterable[MarkedText]) -> Iterator[MarkedText]:
    """The court cases say which marks identify directly; the reader of corpora leaves it out."""
    lines = (DATA / "tab" / "tab_train_dev.jsonl").read_text(encoding="utf-8").split("\n")
    identifying = {
        record["text"]: {(each["start_offset"], each["end_offset"]): each for each in record["entities"]}
        for record in map(json.loads, filter(None, lines))
    }
    for document in documents:
        known = identifying[document.text]
        spans = tuple(
            replace(
                mark,
                identifies=Identifies(sort) if (sort := each.get("identifier_type")) in list(Identifies) else None,
                entity=each.get("entity_id", ""),
            )
            if (each := known.get((mark.start, mark.end)))
            else mark
            for mark in document.spans
        )
        yield replace(document, spans=spans)


CASES: dict[str, tuple[Callable[[], Iterable[MarkedText]], float, float]] = {
    "court cases held out (TAB)": (lambda: direct(marked(court_cases(DATA, Part.HELD_OUT))), 0.92, 0.84),
    "Spanish clinical cases (MEDDOCAN dev)": (lambda: marked(spanish_cases(DATA, Part.HELD_OUT)), 0.95, 0.84),
    "encyclopedia held out (WikiGold)": (lambda: marked(encyclopedia(DATA, Part.HELD_OUT)), 0.92, 0.5),
    "own templates held out": (lambda: marked(generate(600, 99, Split.HELD_OUT)), 0.97, 0.90),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_found_in_texts_that_nothing_was_trained_on(rows: Rows, name: str) -> None:
    documents, recall, precision = CASES[name]
    if "own" not in name and not DATA.is_dir():
        pytest.skip("the public corpora are not here")
    chosen = profile(EngineKind.STARTER)
    result = evaluate(
        Detector(chosen).find, chosen, islice(documents(), 600), detector=NOWHERE, data=NOWHERE, threads=1
    )
    _figures(rows, name, result, {"recall": recall, "precision": precision})
    _structured(rows, name, result)


STRUCTURED = frozenset(EntityType) - {
    EntityType.NAME,
    EntityType.PLACE,
    EntityType.ORGANISATION,
    *(EntityType.SEX, EntityType.DEMOGRAPHIC, EntityType.OCCUPATION, EntityType.RELATIVE, EntityType.PARTICULAR),
}
"""Kinds whose values have a form of their own: what is found of them is what the patterns, with the model, find."""


def _structured(rows: Rows, name: str, result: Evaluation) -> None:
    of_type = result.recognised.of_type
    kinds = sorted(kind for kind in of_type if kind in STRUCTURED)
    if len(kinds) < 8:
        return  # the court cases and the encyclopedia do not tell such kinds apart
    hits, n = (sum(getattr(of_type[kind][1], part) for kind in kinds) for part in ("hits", "n"))
    low, high = exact_interval(hits, n)
    rows.add(
        f"{name}: structured identifiers covered whole",
        [low, hits / n, high],
        unit=f"share of {n:,}, 95 % interval",
        goal=0.99,
        bound="at_least",
        baseline=", ".join(f"{kind} {of_type[kind][1].hits}/{of_type[kind][1].n}" for kind in kinds),
    )


def _figures(rows: Rows, name: str, result: Evaluation, goals: dict[str, float]) -> None:
    view = result.recognised
    counted = {
        "token recall": (view.token_recall, goals["recall"]),
        "token precision": (view.token_precision, goals["precision"]),
        "mention recall": (view.mention_recall, goals["recall"]),
        "direct identifiers covered": (view.entities[Identifies.DIRECT], 1.0),
    }
    for what, (each, goal) in counted.items():
        figure = each.figure()
        if figure.value is not None and figure.low is not None and figure.high is not None:
            rows.add(
                f"{name}: {what}",
                [figure.low, figure.value, figure.high],
                unit=f"share of {figure.n:,}, 95 % interval",
                goal=goal,
                bound="at_least",
                baseline=f"{result.documents} documents",
            )


def test_how_often_a_patients_own_name_is_found_in_lower_case_speech(rows: Rows) -> None:
    """Alone, and with the sweep for what the person's own columns say."""
    if not DATA.is_dir():
        pytest.skip("the public corpora are not here")
    spoken = [each for seed in range(4) for each in dialogues(DATA, seed)]
    deidentifier = Deidentifier(Detector(profile(EngineKind.STARTER)))
    found = deidentifier.detector.find([each.text for each in spoken])
    alone, leaking, mentions = 0, 0, sum(len(each.mentions) for each in spoken)
    for each, spans in zip(spoken, found, strict=True):
        plain = deidentifier.settle(each.text, spans)
        alone += sum(covered(each.text, start, end, plain) for start, end in each.mentions)
        swept = deidentifier.settle(each.text, spans, Person(pseudonym="0" * 64, key=bytes(32), known=each.known))
        leaking += not all(covered(each.text, start, end, swept) for start, end in each.mentions)
    baseline = f"{len(spoken)} dialogues, {mentions} mentions"
    for name, misses, of, bound in (
        ("recall without the sweep", mentions - alone, mentions, 0.98),
        ("documents without a leak, with the sweep", leaking, len(spoken), 1.0),
    ):
        low, high = exact_interval(of - misses, of)
        rows.add(
            f"own name in lower-case speech: {name}",
            [low, (of - misses) / of, high],
            unit=f"share of {of:,}, 95 % interval",
            goal=bound,
            bound="at_least",
            baseline=baseline,
        )
