"""Which recognisers look for which kind of identifier: what stands in the report, and where it says "no detector"."""

from collections.abc import Iterable, Mapping, Sequence

from presidio_analyzer import EntityRecognizer

from tunewarden.domain.deidentification import Engine, EngineKind, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.engines import ENTITY_OF_LABEL
from tunewarden.steps.deidentify.rare import NAME as LIST_OF_RARE
from tunewarden.steps.deidentify.recognisers import ENTITY_OF, recognisers
from tunewarden.steps.deidentify.tagger.labels import LABELS

OWN_COLUMN = "search for the value of the record's own person column"


def coverage(profile: Profile) -> Mapping[EntityType, Sequence[str]]:
    """Kind -> names of what looks for it in the profile's languages; empty where nothing does.

    Of a model that is not the shipped one only the words that its kind commonly uses are known: whether this one has
    them, its evidence shows.
    """
    lookers: dict[EntityType, set[str]] = {kind: set() for kind in EntityType}
    for recogniser in recognisers(profile.languages):
        for kind in _kinds(recogniser):
            lookers[kind].add(recogniser.name)
    for kind in _of_model(profile.engine):
        lookers[kind].add(f"model ({profile.engine.kind})")
    lookers[EntityType.PERSON_ID].add(OWN_COLUMN)
    lookers[EntityType.RARE_CONDITION].add(LIST_OF_RARE)
    return {kind: tuple(sorted(names)) for kind, names in lookers.items()}


def _kinds(recogniser: EntityRecognizer) -> Iterable[EntityType]:
    return {ENTITY_OF[word] for word in recogniser.supported_entities if word in ENTITY_OF}


def _of_model(engine: Engine) -> Iterable[EntityType]:
    match engine.kind:
        case EngineKind.PATTERNS:
            return ()
        case EngineKind.STARTER:
            return LABELS
    return {kind for word, kind in ENTITY_OF_LABEL.items() if word != kind}
