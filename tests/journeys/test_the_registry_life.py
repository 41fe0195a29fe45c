"""A model version that a gate stopped, from its overriding to its retirement: by HTTP and on pages."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import measured
from tests.journeys.script import Props
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.canonical import Plain, digest_bytes
from tunewarden.domain.training import StepName
from tunewarden.entry.exports.evidence_kinds import EvidenceKind


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    made = in_folder(tmp_path / "home")
    yield made
    made.close()


def history(theatre: Theatre, alias: str) -> list[dict[str, object]]:
    """What an alias named when, page after page, as otto reads it."""
    path, found = f"/v1/aliases/{alias}/history", []
    page = theatre.must("otto", "GET", path, params={"limit": 1})
    while page["data"]:
        found += page["data"]
        page = theatre.must("otto", "GET", path, params={"limit": 1, "after": page["last_id"]})
    return found


def test_what_two_let_pass_serves_until_two_take_it_off_and_the_log_says_when(theatre: Theatre) -> None:
    props = Props(theatre=theatre)
    stopped, other = props.stopped(), props.model()
    path = f"/v1/promotions/{stopped['id']}"
    said = {"verdict": stopped["verdict"], "reason": "watched-in-use"}
    found = theatre.must("pia", "GET", path)
    assert (found["state"], found["overridable"]) == ("refused", True)
    model = found["model"]
    shown, ours = f"/promotions/{stopped['id']}", {"follow_redirects": False}
    assert f"{shown}/override" in theatre.ask("pia", "GET", shown).text
    assert f"{shown}/override" not in theatre.ask("ann", "GET", shown).text, "it is her own"
    assert theatre.ask("pia", "POST", f"{shown}/override", data={**said, "reason": "so"}, **ours).status_code == 422
    assert theatre.ask("ann", "POST", f"{shown}/override", data=said, **ours).status_code == 403
    assert theatre.ask("pia", "POST", f"{shown}/override", data=said, **ours).status_code == 303
    assert "one of two persons lets it pass" in theatre.ask("bob", "GET", "/promotions").text
    assert theatre.ask("ann", "POST", f"{path}/override", json=said).status_code == 403
    waits = theatre.must("bob", "POST", f"{path}/override", json=said)
    assert (waits["state"], [one["role"] for one in waits["overrides"]]) == (
        "awaiting-approval",
        ["privacy-officer", "approver"],
    )
    assert f"{shown}/approve" in theatre.ask("bob", "GET", shown).text
    answer = theatre.ask("bob", "POST", f"{shown}/approve", data={"verdict": stopped["verdict"]}, **ours)
    assert (answer.status_code, answer.headers["location"]) == (303, shown)
    alias = "/v1/aliases/production"
    serving = theatre.must("otto", "GET", alias)
    assert (serving["model"], serving["until"]) == (model, None)

    theatre.seal()
    for page in (f"/v1/models/{model}/report", f"/models/{model}/report", f"/models/{model}/card"):
        assert ">OVERRIDDEN</span>" in theatre.ask("otto", "GET", page).text, page
    card = theatre.ask("otto", "GET", f"/v1/models/{model}/card")
    assert digest_bytes(card.content) == card.headers["tunewarden-card"]
    assert card.headers["tunewarden-card"] in theatre.ask("otto", "GET", f"/models/{model}/card").text
    apart = theatre.ask("otto", "GET", f"/models/{model}/compare/{other}")
    assert (apart.status_code, "Right less left (95" in apart.text) == (200, True)
    evidence = f"/models/{model}/evidence"
    leading = [evidence, f"/models/{model}/report", f"/models/{model}/card"]
    assert all(f'href="{evidence}' in theatre.ask("otto", "GET", page).text for page in leading)
    assert f'href="{evidence}' not in theatre.ask("otto", "GET", f"/v1/models/{model}/report").text
    answers = {kind: theatre.ask("otto", "GET", f"{evidence}/{kind}") for kind in (*EvidenceKind, "luck")}
    assert {answer.status_code for answer in answers.values()} == {200, 404}
    assert [kind for kind, answer in answers.items() if "evidence_not_found" in answer.text] == ["luck"]
    assert theatre.ask("bob", "GET", f"{evidence}/fairness").status_code == 404

    off = f"/v1/models/{model}/aliases/production/clear"
    body = {"reason": "replaced"}
    assert theatre.must("bob", "POST", off, json=body)["model"] == model
    assert theatre.must("pia", "POST", off, json=body)["model"] is None
    assert theatre.ask("otto", "GET", alias).status_code == 404
    assert theatre.must("otto", "GET", alias, params={"at": serving["since"]["at"]})["model"] == model
    assert theatre.must("pia", "POST", f"/v1/models/{model}/retire", json=body)["governance"]["retired"] == "replaced"

    (stretch,) = history(theatre, "production")
    assert (stretch["model"], stretch["until"] is None) == (model, False)
    assert stretch == theatre.must("otto", "GET", alias, params={"at": serving["since"]["at"]})
    props.promote(other)
    assert [one["model"] for one in history(theatre, "production")] == [model, other]
    assert datetime.fromisoformat(serving["since"]["at"]) <= datetime.now(UTC)


def test_who_signs_for_groups_that_nobody_could_assess_reads_which_they_are(theatre: Theatre) -> None:
    """The approver reads no card and no lineage report of what others had trained."""
    small: Plain = [{"attribute": "age band", "group": "90+", "persons": None}]
    said = {"attribute": "sex", "group": "x", "metric": "accuracy", "label": None}
    step = theatre.steps[StepName.MEASURE]
    step.measurements = (*step.measurements, measured("fairness.not_assessable", "2"))
    step.details = {
        "fairness": {"not_assessable": small, "decided": {"comparisons": [{**said, "standing": "not-assessable"}]}}
    }
    props = Props(theatre=theatre)
    promotion = props.promotion(props.model())
    assert theatre.ask("bob", "GET", f"/models/{promotion['model']}/card").status_code == 404
    found = theatre.must("bob", "GET", f"/v1/promotions/{promotion['id']}")
    group = {"attribute": "age band", "group": "90+", "metric": None, "label": None}
    assert (found["unassessed"], found["not_assessable"]) == (2, [group, said])
    shown, ours = f"/promotions/{promotion['id']}", {"follow_redirects": False}
    page = theatre.ask("bob", "GET", shown).text
    assert "<li>age band: 90+</li>" in page
    assert "<li>sex: x, right less often</li>" in page
    unsigned = {"verdict": promotion["verdict"]}
    assert theatre.ask("bob", "POST", f"{shown}/approve", data=unsigned, **ours).status_code == 403
    signed = {**unsigned, "unassessed": 2}
    assert theatre.ask("bob", "POST", f"{shown}/approve", data=signed, **ours).status_code == 303
