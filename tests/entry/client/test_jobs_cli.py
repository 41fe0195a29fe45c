"""`tunewarden jobs`, `approve`, `reject`: what is asked, shown and decided through the API."""

from pathlib import Path

from tests.entry.client.conftest import Desk

from tunewarden.domain.events import BudgetReserved, RequestApproved, RequestSubmitted


def test_a_plan_file_becomes_one_job_that_waits(desk: Desk, plan_file: Path) -> None:
    job = desk.json("ann", "jobs", "create", plan_file)
    assert (job["object"], job["status"], job["governance"]["state"]) == (
        "fine_tuning.job",
        "queued",
        "awaiting-approval",
    )
    assert job["governance"]["privacy"]["epsilon"] == "1"
    told = desk.run("ann", "jobs", "create", plan_file)
    assert "Next: somebody else runs\ntunewarden approve ftjob-" in told.stdout


def test_a_plan_that_is_not_the_one_that_was_meant_makes_no_job(desk: Desk, plan_file: Path) -> None:
    before = len(desk.theatre.entries())
    error = desk.refused("ann", "jobs", "create", plan_file, "--expect", "sha256:" + "0" * 64, code=4)
    assert error["remedy"]
    made = [one for one in desk.theatre.entries()[before:] if isinstance(one.event, RequestSubmitted | BudgetReserved)]
    assert made == []


def test_what_is_approved_is_the_digest_of_the_plan_that_was_shown(desk: Desk) -> None:
    job = desk.props.job()
    done = desk.run("bob", "approve", job["id"], "--yes")
    assert done.exit_code == 0, done.output
    assert f"plan              {job['governance']['plan']}" in done.stderr
    assert "one person loses  epsilon 1 at delta 0.0001" in done.stderr
    (vote,) = [
        one.event
        for one in desk.theatre.entries()
        if isinstance(one.event, RequestApproved) and one.event.request == job["id"]
    ]
    assert vote.plan == job["governance"]["plan"]


def test_nothing_is_approved_where_nobody_says_yes(desk: Desk) -> None:
    job = desk.props.job()
    error = desk.refused("bob", "approve", job["id"], code=2)
    assert error["code"] == "confirmation_needed"
    asked = desk.run("bob", "approve", job["id"])
    assert asked.exit_code == 2
    shown = desk.json("bob", "jobs", "show", job["id"])
    assert shown["governance"]["state"] == "awaiting-approval"


def test_another_plan_than_the_one_that_was_read_is_not_approved(desk: Desk) -> None:
    job = desk.props.job()
    error = desk.refused("bob", "approve", job["id"], "--yes", "--digest", "sha256:" + "0" * 64, code=4)
    assert error["code"] == "plan_changed"
    assert desk.json("bob", "jobs", "show", job["id"])["governance"]["state"] == "awaiting-approval"
    done = desk.json("bob", "approve", job["id"], "--yes", "--digest", job["governance"]["plan"])
    assert done["governance"]["state"] == "approved"


def test_asked_for_again_with_the_same_key_it_is_one_job(desk: Desk, plan_file: Path) -> None:
    made = desk.json("ann", "jobs", "create", plan_file, "--idempotency-key", "night-1")["id"]
    assert desk.json("ann", "jobs", "create", plan_file, "--idempotency-key", "night-1")["id"] == made
    assert desk.json("ann", "jobs", "create", plan_file, "--idempotency-key", "night-2")["id"] != made
    error = desk.refused("ann", "jobs", "create", plan_file, "--idempotency-key", "a b", code=2)
    assert error["code"] == "idempotency_key_malformed"


def test_nobody_approves_what_they_asked_for_and_the_error_says_who_can(desk: Desk) -> None:
    job = desk.props.job()
    error = desk.refused("ann", "approve", job["id"], "--yes", code=1)
    assert (error["status"], error["exit_code"]) == (403, 1)
    assert error["who_can"]
    assert error["request_id"].startswith("req_")


def test_a_request_is_rejected_withdrawn_suspended_and_let_go_on(desk: Desk) -> None:
    rejected = desk.json("bob", "reject", desk.props.job()["id"], "--yes")
    assert rejected["governance"]["state"] == "rejected"
    withdrawn = desk.json("ann", "jobs", "cancel", desk.props.job()["id"], "--yes")
    assert withdrawn["status"] == "cancelled"
    job = desk.props.job()["id"]
    assert desk.json("pia", "jobs", "pause", job)["status"] == "paused"
    assert desk.json("bob", "jobs", "resume", job)["status"] == "queued"


def test_jobs_are_listed_newest_first_over_all_pages(desk: Desk) -> None:
    made = [desk.props.job(metadata={"ticket": "OPS-1"})["id"] for _ in range(3)]
    told = desk.lines("ann", "jobs", "list", "--limit", 2)
    assert [one["id"] for one in told] == made[:0:-1]
    found = desk.lines("ann", "jobs", "list", "--all", "--metadata", "ticket=OPS-1")
    assert [one["id"] for one in found] == made[::-1]
    table = desk.run("ann", "jobs", "list", "--limit", 1)
    assert made[-1] in table.stdout
    assert "awaiting-approval" in table.stdout


def test_events_are_the_entries_of_the_log(desk: Desk) -> None:
    job = desk.props.job()["id"]
    told = desk.lines("ann", "jobs", "events", job)
    assert [one["message"] for one in told] == ["BudgetReserved", "RequestSubmitted"]
    assert "RequestSubmitted" in desk.run("ann", "jobs", "events", job).stdout


def test_a_job_that_is_not_there_or_not_yours_ends_with_three(desk: Desk) -> None:
    job = desk.props.job()["id"]
    assert desk.refused("ann", "jobs", "show", "ftjob-" + "0" * 32, code=3)["status"] == 404
    assert desk.refused("eve", "jobs", "show", job, code=3)["status"] == 404


def test_what_can_be_no_id_is_asked_of_nobody(desk: Desk) -> None:
    for typed in ("../datasets", "a/b", "..", "a?b", "a b", ""):
        assert desk.refused("ann", "jobs", "show", typed, code=2)["code"] == "id_malformed"
