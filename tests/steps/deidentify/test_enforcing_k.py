"""Two hundred persons whom the default profile leaves too telling, and the shipped profile that sees to k."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Operator, Profile
from tunewarden.domain.gates import Evidence, Measurement, Outcome, judge
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import DatasetId, PolicyName
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.deidentify.finding import Build
from tunewarden.steps.deidentify.recognisers import recognisers
from tunewarden.steps.deidentify.stated import Effort
from tunewarden.steps.deidentify.step import DeidentifyStep
from tunewarden.steps.records import read_manifest, read_protected, read_records
from tunewarden.usecases.ports import Attempt, StepResult

KEY = bytes(range(32))
PATTERNS = Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.2"))
QUASI = ("deid.k_anonymity", "deid.persons_below_k_share", "deid.l_diversity", "deid.generalised_value_share")
Records = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Keys:
    def keys(self, _dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:
        return {one: bytes.fromhex(one) for one in pseudonyms}


def record(person: int, text: str, group: str = "a") -> Mapping[str, object]:
    return {"label": person % 3, "person": f"P-{person:06}", "protected": {"group": group}, "text": text}


RARE = {
    3: "Known Gaucher disease.",
    17: "Enfermedad de Gaucher.",
    58: "Had a heart transplant.",
    101: "Struck by lightning.",
}
TABLE = [
    *(
        record(person, f"{20 + person % 50}-year-old with a burn. {RARE.get(person, '')}", "ab"[person // 150])
        for person in range(195)
    ),
    record(195, "93-year-old with a burn."),
    record(196, "98 yo with a burn.", "c"),
    record(197, "6 months old with a burn."),
    record(198, "ALS"),
    record(199, "Burn."),
    record(5, "25-year-old, second visit."),
]


@dataclass
class Room:
    """Attempts with shipped profiles, patterns in place of the model."""

    blobs: MemoryBlobs
    policies: FilePolicies
    attempt: Callable[..., Attempt]
    scratch: Path

    def profile(self, name: str) -> Profile:
        shipped = from_plain(Profile, decode(self.policies.profile(PolicyName(name))))
        return replace(shipped, engine=PATTERNS)

    def result(self, records: Records, profile: Profile, build: Build | None = None) -> StepResult:
        step = DeidentifyStep(
            self.blobs,
            KEY,
            vault=Keys(),
            scratch=self.scratch,
            build=build,
            effort=Effort(plants_of_each_kind=1, texts_of_each_cohort=0),
        )
        asked = self.attempt(records)
        digest = self.blobs.put_bytes(encode(to_plain(profile)))
        return step(replace(asked, plan=replace(asked.plan, profile=digest)))

    def outcome(self, result: StepResult, metric: str) -> Outcome:
        """What the gate with readers says of one metric."""
        gate = self.policies.gate(PolicyName("training-reviewed"))
        evidence = Evidence(about=result.output, produced_by=result.output, measurements=result.measurements)
        verdict = judge(gate, result.output, [evidence])
        return next(finding.outcome for finding in verdict.findings if finding.metric == metric)

    def released(self, result: StepResult) -> list[tuple[str, str, str]]:
        manifest = read_manifest(self.blobs, result.output)
        protected = [row["group"] for row in read_protected(self.blobs, manifest)]
        rows = zip(read_records(self.blobs, manifest), protected, strict=True)
        return sorted((row.person, row.text, group) for row, group in rows)

    def details(self, result: StepResult) -> dict[str, Any]:
        return cast(dict[str, Any], decode(self.blobs.read(result.details)))


@pytest.fixture
def room(blobs: MemoryBlobs, policies: FilePolicies, attempt: Callable[..., Attempt], tmp_path: Path) -> Room:
    return Room(blobs, policies, attempt, tmp_path)


def quasi(result: StepResult) -> dict[str, Measurement]:
    return {each.metric: each for each in result.measurements if each.metric in QUASI}


def test_a_table_that_fails_the_reviewed_gate_for_k_passes_it_with_the_profile_that_enforces_k(room: Room) -> None:
    free, held = (room.result(TABLE, room.profile(name)) for name in ("default", "default-k5"))
    assert room.outcome(free, "deid.k_anonymity") is Outcome.FAIL
    assert quasi(free)["deid.k_anonymity"].value == 1
    assert quasi(free)["deid.generalised_value_share"].value == 0
    assert room.outcome(held, "deid.k_anonymity") is Outcome.PASS
    assert quasi(held)["deid.k_anonymity"].value >= 5
    assert quasi(held)["deid.persons_below_k_share"].value == 0


def test_what_k_cost_is_stated_emptied_texts_and_all(room: Room) -> None:
    held = room.result(TABLE, room.profile("default-k5"))
    told = room.details(held)
    share = quasi(held)["deid.generalised_value_share"]
    assert share.n == 198 + 200 + 5  # ages, groups, rare conditions
    assert 0 < share.value < Decimal("0.25")
    changed = sum(count for done in told["given_up"].values() for count in done.values())
    assert abs(share.value - Decimal(changed) / share.n) < Decimal("0.000002")
    assert told["given_up"]["rare-condition"]
    assert set(told["given_up"]) <= {"age", "rare-condition", "column group"}
    assert held.counts["generalised"] == told["generalised"] > 5
    assert (held.counts["emptied"], told["emptied"]) == (1, 1)  # of the person of whom only a rare disease is told


def test_no_rare_condition_of_few_persons_is_left_in_any_text(room: Room) -> None:
    texts = " ".join(text for _, text, _ in room.released(room.result(TABLE, room.profile("default-k5")))).lower()
    assert not [words for words in ("gaucher", "transplant", "lightning", "als") if words in texts]
    assert "burn" in texts
    kept = " ".join(text for _, text, _ in room.released(room.result(TABLE, room.profile("default")))).lower()
    assert "gaucher" in kept


def test_another_order_of_the_records_gives_the_same_records_and_the_same_figures(room: Room) -> None:
    profile = room.profile("default-k5")
    first = room.result(TABLE, profile)
    shuffled = list(TABLE)
    Random(1).shuffle(shuffled)
    other = room.result(shuffled, profile)
    assert room.released(other) == room.released(first)
    assert quasi(other) == quasi(first)
    assert room.details(other)["given_up"] == room.details(first)["given_up"]
    assert room.details(other)["quasi_identifiers"] == room.details(first)["quasi_identifiers"]


def trades_and_towns(languages: Sequence[str]) -> Sequence[EntityRecognizer]:
    """Towns, and trades together with the town they are plied in: taking the one away takes the other along."""
    town, trade = (
        PatternRecognizer(supported_entity=kind.value, patterns=[Pattern(name=kind.value, regex=form, score=0.9)])
        for kind, form in (
            (EntityType.PLACE, r"\b(?:Leeds|York)\b"),
            (EntityType.OCCUPATION, r"\b(?:pilot|baker) of (?:Leeds|York)\b"),
        )
    )
    return [town, trade, *recognisers(languages)]


def test_k_holds_where_what_gives_way_takes_more_along_than_foretold(room: Room) -> None:
    """Without their trades all would be alike, from Leeds; but with the trade the pilot and the baker lose the town."""
    held = replace(
        room.profile("default-k5"), operators={EntityType.PLACE: Operator.KEEP, EntityType.OCCUPATION: Operator.KEEP}
    )
    people = ["Is from Leeds."] * 3 + ["Is a pilot of Leeds.", "Is a baker of Leeds."]
    result = room.result([record(*one) for one in enumerate(people)], held, Build(recognise=trades_and_towns))
    assert quasi(result)["deid.k_anonymity"].value == 5
    assert {text for _, text, _ in room.released(result)} == {
        "Is from [PLACE].",
        "Is a [OCCUPATION].",
    }
    assert room.details(result)["given_up"] == {"occupation": {"replace": 2}, "place": {"replace": 3}}


def test_of_fewer_persons_than_k_nothing_is_left_to_tell_and_the_gate_stays_shut(room: Room) -> None:
    held = room.result([record(person, f"{20 + person}-year-old.") for person in range(4)], room.profile("default-k5"))
    assert room.outcome(held, "deid.k_anonymity") is Outcome.FAIL
    assert {text for _, text, _ in room.released(held)} == {"[AGE]-year-old."}
    assert {group for _, _, group in room.released(held)} == {"suppressed"}
