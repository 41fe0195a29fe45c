"""What the plan says about fairness, before anybody has trained anything."""

from dataclasses import replace
from decimal import Decimal
from io import BytesIO

import pytest
from tests.conftest import ANN, DANA, POLICIES, Stage, few_records, registration
from tests.usecases.test_requests import ask

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.datasets import Columns, Dataset, HeldOut
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.fairness import FairnessDeclaration, FairnessPolicy, GroupMetric
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Plan, Task
from tunewarden.drivers.policies import FilePolicies
from tunewarden.usecases import datasets, files, requests
from tunewarden.usecases.declaring import measurable
from tunewarden.usecases.ports import Blobs, Ingested

SHIPPED = FilePolicies(POLICIES).fairness()
COLUMNS = {
    Task.CLASSIFICATION: Columns(text="note", label="label", person="patient", protected=("sex", "age")),
    Task.COMPLETION: Columns(text="note", label=None, person="patient", completion="letter", protected=("sex", "age")),
}
ACCURACY = GroupMetric.ACCURACY


def dataset_of(stage: Stage, task: Task, held_out: HeldOut) -> Dataset:
    def ingest(blobs: Blobs, digest: Digest, filename: str, columns: Columns) -> Ingested:
        made = few_records(blobs, digest, filename, columns)
        return replace(made, labels=made.labels if columns.label else ())

    platform = replace(stage.platform, ingest=ingest)
    asked = replace(registration(), columns=COLUMNS[task], held_out=held_out)
    registered, _ = datasets.register(platform, DANA, asked)
    stored, _ = files.upload(platform, DANA, filename="a.csv", purpose="fine-tune", content=BytesIO(b"some"))
    return datasets.add_version(platform, DANA, registered.id, stored.id)[0]


def plan(
    stage: Stage,
    task: Task = Task.CLASSIFICATION,
    held_out: HeldOut = HeldOut.PUBLIC,
    asked: dict[GroupMetric, Decimal] | None = None,
) -> Plan:
    stage.policies.judged = SHIPPED
    wanted = ask(dataset_of(stage, task, held_out), epsilon=Decimal(4), fairness=asked or {})
    return requests.submit(stage.platform, ANN, wanted)[0].plan


def said(plan: Plan) -> FairnessDeclaration:
    assert plan.fairness is not None
    return plan.fairness


@pytest.mark.parametrize("task", Task)
def test_the_plan_names_what_exact_figures_can_compare(stage: Stage, task: Task) -> None:
    declared = said(plan(stage, task))
    assert declared.attributes == ("age", "sex")
    assert {each.metric for each in declared.tolerances} == {
        each.metric for each in SHIPPED.tolerances if each.metric in measurable(task, noisy=False)
    }
    assert (declared.depth, declared.minimum) == (SHIPPED.depth, SHIPPED.minimum)


@pytest.mark.parametrize("task", Task)
def test_of_private_persons_it_promises_no_more_than_noisy_tables_tell(stage: Stage, task: Task) -> None:
    declared = said(plan(stage, task, HeldOut.PRIVATE))
    assert [each.metric for each in declared.tolerances] == [ACCURACY]
    assert declared.depth == 1


def test_another_declaration_is_another_plan(stage: Stage) -> None:
    asked = plan(stage)
    stricter = replace(said(asked), minimum=100)
    assert replace(asked, fairness=stricter).digest() != asked.digest()
    assert replace(asked, fairness=None).digest() != asked.digest()


def test_the_policy_that_it_was_made_from_can_be_looked_up(stage: Stage) -> None:
    stored = stage.blobs.read(said(plan(stage)).policy)
    assert from_plain(FairnessPolicy, decode(stored)) == SHIPPED


def test_who_asks_may_be_stricter(stage: Stage) -> None:
    assert said(plan(stage, asked={ACCURACY: Decimal("0.05")})).tolerance(ACCURACY) == Decimal("0.05")


@pytest.mark.parametrize(
    ("held_out", "asked", "code"),
    [
        (HeldOut.PUBLIC, {ACCURACY: Decimal("0.11")}, "fairness_looser"),
        (HeldOut.PRIVATE, {GroupMetric.TRUE_POSITIVE: Decimal("0.1")}, "fairness_not_measurable"),
        (HeldOut.PRIVATE, {GroupMetric.CALIBRATION: Decimal("0.1")}, "fairness_not_measurable"),
        (HeldOut.PUBLIC, {ACCURACY: Decimal("NaN")}, "tolerance_out_of_range"),
        (HeldOut.PUBLIC, {ACCURACY: Decimal(-1)}, "tolerance_out_of_range"),
    ],
)
def test_what_is_looser_or_cannot_be_is_refused_before_anything_is_reserved(
    stage: Stage, held_out: HeldOut, asked: dict[GroupMetric, Decimal], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        plan(stage, held_out=held_out, asked=asked)
    assert refused.value.code == code
    assert not requests.listed(stage.platform, ANN)


def test_a_policy_with_a_fault_declares_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = (POLICIES / "fairness.toml").read_text()
    faults = [
        ('accuracy = "0.10"', 'acuracy = "0.10"'),
        ('accuracy = "0.10"', "accuracy = 0.10"),
        ('accuracy = "0.10"', 'accuracy = "1.5"'),
        ('accuracy = "0.10"\n', ""),
        ("minimum = 200", 'minimum = "200"'),
        ("minimum = 200", "minimum = 20"),
        ("depth = 2", "depth = true"),
        ('alpha = "0.05"', 'alpha = "often"'),
        ("[tolerances]", "loosely = 1\n[tolerances]"),
        ("least = 30\n", ""),
    ]
    for wrong, right in faults:
        assert wrong in whole
        folder = tmp_path_factory.mktemp("policies")
        (folder / "fairness.toml").write_text(whole.replace(wrong, right))
        with pytest.raises(Malformed):
            FilePolicies(folder).fairness()
