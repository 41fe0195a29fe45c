"""The auditor finds a model without noise that nobody allowed, and one that is told of otherwise than it was."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.entry.report.documents import details, paid

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Digest
from tunewarden_audit import canonical
from tunewarden_audit.twins import Unasked, require_asked

ABOUT = Digest("sha256:" + "a" * 64)


class Told:
    """A dataset, a plan, a document of the measuring step and its evidence, and the entries that name them."""

    def __init__(self) -> None:
        measurements = tuple(paid().measurements())
        self.documents: dict[str, Any] = {
            "plan": {"twins": True},
            "details": to_plain(replace(details(), twins=paid())),
            "evidence": to_plain(Evidence(about=ABOUT, produced_by=ABOUT, measurements=measurements)),
        }
        self.dataset: dict[str, Any] = {"dataset": "d", "lawful_basis": "consent", "held_out": "consented"}
        self.counts: dict[str, int] = {"persons": 241, "twins": 2, "twin_persons": 121}

    def require(self, *, without: tuple[str, ...] = ()) -> None:
        digests = {name: hashlib.sha256(canonical.encode(one)).hexdigest() for name, one in self.documents.items()}
        named = {name: f"sha256:{digest}" for name, digest in digests.items()}
        measured = {"request": "r", "step": "measure", "counts": self.counts}
        entries = {
            1: {"type": "DatasetRegistered", "fact": self.dataset},
            2: {"type": "RequestSubmitted", "fact": {"request": "r", "dataset": "d", "plan": named["plan"]}},
            3: {"type": "StepFinished", "fact": {"request": "r", "step": "train", "counts": {"updates": 3}}},
            4: {
                "type": "StepFinished",
                "fact": measured | {"details": named["details"], "evidence": named["evidence"]},
            },
            5: {"type": "StepFinished"},
        }
        kept = {digests[name]: one for name, one in self.documents.items() if name not in without}
        require_asked({index: one for index, one in entries.items() if str(index) not in without}, kept)


def test_what_the_platform_writes_holds() -> None:
    Told().require()


def test_a_step_without_twins_holds() -> None:
    told = Told()
    del told.documents["details"]["twins"], told.counts["twins"]
    told.documents["evidence"]["measurements"], told.documents["plan"] = [], {}
    told.dataset = {"dataset": "d", "lawful_basis": "contract"}
    told.require()


@pytest.mark.parametrize("without", [("details",), ("evidence",), ("plan",), ("1",), ("details", "evidence", "plan")])
def test_of_what_stays_outside_nothing_is_said(without: tuple[str, ...]) -> None:
    Told().require(without=without)


def unplanned(told: Told) -> None:
    told.documents["plan"] = {}


def private(told: Told) -> None:
    told.documents["plan"]["metrics"] = {}


def without_consent(told: Told) -> None:
    told.dataset["lawful_basis"] = "legitimate-interests"


def with_private_figures(told: Told) -> None:
    del told.dataset["held_out"]


def uncounted(told: Told) -> None:
    del told.counts["twins"]


def untold(told: Told) -> None:
    del told.documents["details"]["twins"]


def whitewashed(told: Told) -> None:
    told.documents["details"]["twins"]["costs"][0]["burden"] = "within-the-limit"


def lenient(told: Told) -> None:
    """By a limit of its own nobody pays too much."""
    told.documents["details"]["twins"]["limit"] = "0.5"
    whitewashed(told)


def relimited(told: Told) -> None:
    told.documents["details"]["twins"]["limit"] = "0.06"


def cheaper(told: Told) -> None:
    told.documents["evidence"]["measurements"][1]["value"] = "0.0001"


def hidden(told: Told) -> None:
    told.documents["evidence"]["measurements"] = []


def illegible(told: Told) -> None:
    told.documents["details"]["twins"]["costs"] = 7


@pytest.mark.parametrize(
    "change",
    [
        *(unplanned, private, without_consent, with_private_figures, uncounted, untold, whitewashed, cheaper, hidden),
        *(lenient, relimited, illegible),
    ],
)
def test_every_way_to_tell_it_otherwise_is_found(change: Callable[[Told], None]) -> None:
    told = Told()
    change(told)
    with pytest.raises(Unasked):
        told.require()


@pytest.mark.parametrize("nonsense", ["x", [1], "sNaN", "1E+9999999999999999999999"], ids=str)
def test_figures_that_are_none_are_refused_and_not_quoted(nonsense: Any) -> None:
    told = Told()
    told.documents["details"]["twins"]["limit"] = nonsense
    with pytest.raises(Unasked, match=r"^what is told of models without noise cannot be read$"):
        told.require()


@pytest.mark.parametrize("change", [unplanned, without_consent, with_private_figures])
def test_the_count_in_the_log_is_enough_where_the_document_stays_outside(change: Callable[[Told], None]) -> None:
    told = Told()
    change(told)
    with pytest.raises(Unasked):
        told.require(without=("details", "evidence"))
