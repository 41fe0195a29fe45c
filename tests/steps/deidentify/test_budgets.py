"""Whose budget is whose, as a release says it: one pseudonym for each person, the same across a namespace."""

from pathlib import Path

import pytest
from tests.steps.deidentify.test_release import HERE, KEY, Desk, Keys, record

from tunewarden.domain.names import DatasetId, PolicyName
from tunewarden.domain.pseudonyms import budget_pseudonym, pseudonym
from tunewarden.steps.records import read_budgets, read_records

MRN = PolicyName("hospital-mrn")
RECORDS = [record("Burn of the hand.", f"P-{number % 5}") for number in range(12)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_release_names_every_person_once_with_the_pseudonym_their_budget_is_kept_under(desk: Desk) -> None:
    manifest, _ = desk.release(RECORDS)
    persons = [f"P-{number}" for number in range(5)]
    expected = {pseudonym(KEY, HERE, one): budget_pseudonym(KEY, HERE, one).hex() for one in persons}
    rows = list(read_budgets(desk.blobs, manifest))
    assert {row.person: row.budget for row in rows} == expected
    assert [row.person for row in rows] == sorted(expected)
    assert {row.person for row in rows} == {row.person for row in read_records(desk.blobs, manifest)}


def test_persons_are_the_same_in_every_dataset_of_a_namespace_and_in_no_other(tmp_path: Path) -> None:
    def budgets(dataset: str, namespace: PolicyName | None) -> set[str]:
        desk = Desk(tmp_path / f"{dataset}-{namespace}", dataset=DatasetId(dataset), namespace=namespace)
        manifest, _ = desk.release(RECORDS)
        return {row.budget for row in read_budgets(desk.blobs, manifest)}

    here, there = budgets("ds-1", MRN), budgets("ds-2", MRN)
    assert here == there == {budget_pseudonym(KEY, MRN, f"P-{number}").hex() for number in range(5)}
    apart = [here, budgets("ds-1", None), budgets("ds-2", None), budgets("ds-1", PolicyName("national-id"))]
    assert len(set().union(*apart)) == 4 * 5


def test_whoever_was_erased_has_no_line(tmp_path: Path) -> None:
    desk = Desk(tmp_path, vault=Keys(erased=frozenset({"P-3"})))
    manifest, _ = desk.release(RECORDS)
    assert pseudonym(KEY, HERE, "P-3") not in {row.person for row in read_budgets(desk.blobs, manifest)}
    assert manifest.persons == 4
