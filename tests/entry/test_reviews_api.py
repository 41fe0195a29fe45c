"""Reviews and signatures over HTTP: the API for programs, the pages for a browser without script."""

import html
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.conftest import ANN, BOB, OTTO, PIA, REA, RON, Stage
from tests.usecases.reviewing import NAME, PLAN, READ, SIGNED, Reviewing, reviewing

from tunewarden.domain.canonical import digest_of, encode
from tunewarden.domain.events import KeyRevoked, ReportAttested, ReviewAnswered
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.reviews import Mark
from tunewarden.domain.training import State, StepName, TrainingRequest
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.app import create_app
from tunewarden.entry.report.reading_pages import render_item
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import KeyRecord
from tunewarden.usecases.reviews import Page

REPORT = {"categories": [], "claim": {"method": "hipaa-safe-harbor"}}
ITEMS = PLAN.documents + PLAN.seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    house: Reviewing
    client: TestClient
    tokens: Mapping[str, str]
    request: TrainingRequest

    @property
    def review(self) -> str:
        return str(self.house.review().id)

    @property
    def about(self) -> str:
        return str(self.request.outputs[StepName.DEIDENTIFY])

    def ask(self, who: str, method: str, path: str, **more: Any) -> Any:
        return self.client.request(method, path, headers={"authorization": f"Bearer {self.tokens[who]}"}, **more)

    def browse(self, who: str, method: str, path: str, site: str = "same-origin", **more: Any) -> Any:
        """As a browser: Basic, and where the request came from."""
        basic = b64encode(f"any:{self.tokens[who]}".encode()).decode()
        headers = {"authorization": f"Basic {basic}", "sec-fetch-site": site}
        return self.client.request(method, path, headers=headers, follow_redirects=False, **more)

    def state(self) -> State:
        return self.house.now(self.request.id).state


@pytest.fixture
def door(stage: Stage, tmp_path: Path) -> Door:
    house = reviewing(stage, *READ, SIGNED)
    house.cleaning.report = encode(REPORT)
    request = house.waiting()
    cast = {"ann": ANN, "bob": BOB, "rea": REA, "ron": RON, "pia": PIA, "otto": OTTO}
    tokens = {name: new_token() for name in cast}
    with stage.platform.work(PrincipalId("operator")) as work:
        for name, principal in cast.items():
            work.principals.put(principal)
            work.keys.put(KeyRecord(hash=token_hash(tokens[name]), principal=principal.id))
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))
        work.commit()
    client = TestClient(create_app(stage.platform, Settings(home=tmp_path)), base_url="http://house.example")
    return Door(house=house, client=client, tokens=tokens, request=request)


def signature(**changes: Any) -> dict[str, Any]:
    whole = {"report": digest_of(REPORT), "method": "hipaa-safe-harbor", "knowledge": "no-actual-knowledge"}
    return {**whole, **changes}


def test_two_readers_and_a_privacy_officer_let_a_waiting_job_go_on(door: Door) -> None:
    job = door.ask("ann", "GET", f"/v1/fine_tuning/jobs/{door.request.id}").json()
    assert (job["status"], job["governance"]["state"]) == ("validating_files", "in-review")
    [listed] = door.ask("rea", "GET", "/v1/reviews").json()["data"]
    assert (listed["id"], listed["items"], listed["answered"]) == (door.review, ITEMS, 0)
    answered = 0
    while item := door.ask(("rea", "ron")[answered % 2], "GET", f"/v1/reviews/{door.review}/next").json()["item"]:
        start = item["text"].find(NAME)
        body: dict[str, Any] = {"item": item["number"], "nothing_found": start < 0}
        if start >= 0:
            body["marks"] = [{"start": start, "end": start + len(NAME)}]
        answer = door.ask(("rea", "ron")[answered % 2], "POST", f"/v1/reviews/{door.review}/answers", json=body)
        assert answer.status_code == 200, answer.text
        answered += 1
        assert answer.json()["receipt"]["index"] == len(door.house.stage.entries()) - 1
    assert answered == ITEMS
    assert door.state() is State.IN_REVIEW
    found = door.ask("pia", "GET", f"/v1/clean-versions/{door.about}").json()
    assert (found["method"], found["report"]) == ("hipaa-safe-harbor", digest_of(REPORT))
    read = door.ask("pia", "GET", f"/v1/clean-versions/{door.about}/report").json()
    assert digest_of(read["report"]) == read["digest"] == found["report"]
    signed = door.ask("pia", "POST", f"/v1/clean-versions/{door.about}/attestations", json=signature())
    assert signed.status_code == 200, signed.text
    assert door.state() is State.DEIDENTIFIED
    leaks = door.ask("pia", "GET", f"/v1/reviews/{door.review}/leaks").json()
    assert (leaks["outcome"], leaks["leaks"]) == ("pass", [])


def test_nothing_tells_a_reader_which_texts_carry_a_seed(door: Door) -> None:
    answer = door.ask("rea", "GET", f"/v1/reviews/{door.review}/next").json()
    assert answer["item"].keys() == {"number", "text", "standing"}
    assert not {"seeds", "documents", "seed", "record"} & set(answer)


@pytest.mark.parametrize(
    "path", ["/v1/reviews/{review}/next", "/reviews/{review}", "/reviews", "/reviews/{review}/leaks"]
)
def test_no_text_is_kept_on_the_way(door: Door, path: str) -> None:
    answer = door.ask("pia", "GET", path.format(review=door.review))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"item": 0}, "answer_unclear"),
        ({"item": 0, "nothing_found": True, "marks": [{"start": 0, "end": 2}]}, "answer_unclear"),
        ({"item": 0, "marks": [{"start": 2, "end": 2}]}, "mark_empty"),
        ({"item": 99, "nothing_found": True}, "item_unknown"),
        ({"item": 0, "nothing_found": True, "note": "she is my aunt"}, "invalid_request"),
    ],
)
def test_an_answer_that_cannot_be_is_unprocessable(door: Door, body: dict[str, Any], code: str) -> None:
    door.ask("rea", "GET", f"/v1/reviews/{door.review}/next")
    answer = door.ask("rea", "POST", f"/v1/reviews/{door.review}/answers", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert "aunt" not in answer.text


def test_an_answer_to_a_text_of_somebody_else_is_a_conflict(door: Door) -> None:
    number = door.ask("rea", "GET", f"/v1/reviews/{door.review}/next").json()["item"]["number"]
    body = {"item": number, "nothing_found": True}
    answer = door.ask("ron", "POST", f"/v1/reviews/{door.review}/answers", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "item_not_yours")


@pytest.mark.parametrize("who", ["ann", "bob", "otto"])
def test_others_read_and_sign_nothing(door: Door, who: str) -> None:
    assert door.ask(who, "GET", "/v1/reviews").json()["data"] == []
    assert door.ask(who, "GET", f"/v1/reviews/{door.review}/next").status_code == 403
    assert door.ask(who, "GET", f"/v1/reviews/{door.review}/leaks").status_code == 404
    assert door.ask(who, "GET", f"/v1/clean-versions/{door.about}").status_code == 404
    path = f"/v1/clean-versions/{door.about}/attestations"
    assert door.ask(who, "POST", path, json=signature()).status_code == 403


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"report": "sha256:" + "0" * 64}, 403, "report_changed"),
        ({"method": "gdpr-pseudonymised"}, 403, "method_not_claimed"),
        ({"knowledge": None}, 422, "knowledge_missing"),
        ({"knowledge": "some"}, 422, "invalid_request"),
        ({"expires": "2020-01-01"}, 422, "expiry_past"),
    ],
)
def test_a_signature_that_says_something_else_is_refused(
    door: Door, changes: dict[str, Any], status: int, code: str
) -> None:
    path = f"/v1/clean-versions/{door.about}/attestations"
    answer = door.ask("pia", "POST", path, json=signature(**changes))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


# The pages


def words_of(page: str) -> list[tuple[str, str, bool]]:
    """(value, word, is marked) of every check box of a text."""
    found = re.findall(r'<input type="checkbox" name="mark" value="([\d-]+)"( checked)?><span>(.*?)</span>', page)
    return [(value, html.unescape(word), bool(checked)) for value, checked, word in found]


def item_of(page: str) -> str:
    found = re.search(r'name="item" value="(\d+)"', page)
    assert found is not None
    return found[1]


def test_a_browser_without_a_key_is_asked_for_one_and_a_program_is_not(door: Door) -> None:
    answer = door.client.get("/reviews")
    assert (answer.status_code, answer.headers["www-authenticate"][:5]) == (401, "Basic")
    assert "www-authenticate" not in door.client.get("/v1/reviews").headers


def test_a_whole_review_is_read_and_signed_in_a_browser_without_script(door: Door) -> None:
    queue = door.browse("rea", "GET", "/reviews").text
    assert f'href="/reviews/{door.review}"' in queue
    path, read = f"/reviews/{door.review}", 0
    while 'name="item"' in (page := door.browse("rea", "GET", path).text):
        assert "<script" not in page
        marked = [value for value, word, _ in words_of(page) if word in {"Ilse", "Wanda."}]
        form = {"item": item_of(page), "found": "marked" if marked else "nothing", "mark": marked}
        answer = door.browse("rea", "POST", path, data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        read += 1
    assert read == ITEMS
    assert "Everything was read" in page
    signing = door.browse("pia", "GET", f"/clean-versions/{door.about}").text
    assert digest_of(REPORT) in signing
    report = door.browse("pia", "GET", f"/clean-versions/{door.about}/report")
    assert report.status_code == 200, report.text
    form = {"report": digest_of(REPORT), "method": "hipaa-safe-harbor", "knowledge": "no-actual-knowledge"}
    answer = door.browse("pia", "POST", f"/clean-versions/{door.about}", data={**form, "expires": ""})
    assert answer.status_code == 303, answer.text
    assert door.state() is State.DEIDENTIFIED
    assert "IN FORCE" in door.browse("pia", "GET", f"/clean-versions/{door.about}").text
    kinds = [type(entry.event) for entry in door.house.stage.entries()]
    assert (kinds.count(ReviewAnswered), kinds.count(ReportAttested)) == (ITEMS, 1)


def test_words_are_where_their_check_boxes_say_and_the_text_is_whole(door: Door) -> None:
    page = door.browse("rea", "GET", f"/reviews/{door.review}").text
    text = door.ask("rea", "GET", f"/v1/reviews/{door.review}/next").json()["item"]["text"]
    found = words_of(page)
    for value, word, _ in found:
        start, end = map(int, value.split("-"))
        assert text[start:end] == word
    assert [word for _, word, _ in found] == text.split()
    inside = re.search(r'<div class="text" dir="auto">(.*?)</div>', page, re.DOTALL)
    assert inside is not None
    assert html.unescape(re.sub(r"<[^>]*>", "", inside[1])) == text


@pytest.mark.parametrize(("found", "marks"), [("marked", []), ("nothing", ["0-6"]), ("what", ["0-6"])])
def test_an_unclear_answer_comes_back_with_its_marks_and_a_word_about_it(
    door: Door, found: str, marks: list[str]
) -> None:
    path = f"/reviews/{door.review}"
    before = door.browse("rea", "GET", path).text
    form = {"item": item_of(before), "found": found, "mark": marks}
    answer = door.browse("rea", "POST", path, data=form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert [value for value, _, is_marked in words_of(answer.text) if is_marked] == marks
    assert door.house.review().answered == ()


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_form_of_another_site_changes_nothing(door: Door, site: str) -> None:
    path = f"/reviews/{door.review}"
    item = item_of(door.browse("rea", "GET", path).text)
    form = {"item": item, "found": "nothing"}
    assert door.browse("rea", "POST", path, site=site, data=form).status_code == 403
    basic = b64encode(f"any:{door.tokens['rea']}".encode()).decode()
    for origin, status in (("http://evil.example", 403), ("", 403), ("http://house.example", 303)):
        headers = {"authorization": f"Basic {basic}"} | ({"origin": origin} if origin else {})
        answer = door.client.post(path, headers=headers, data=form, follow_redirects=False)
        assert answer.status_code == status, origin


def test_a_page_is_never_inside_another_and_runs_nothing(door: Door) -> None:
    for path in ("/reviews", f"/reviews/{door.review}", f"/clean-versions/{door.about}"):
        answer = door.browse("pia", "GET", path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self'" in answer.text.partition("<title>")[0], "the page says the same"


def test_a_no_is_a_page_with_the_reason_and_who_can_change_it(door: Door) -> None:
    answer = door.browse("ann", "GET", f"/reviews/{door.review}")
    assert answer.status_code == 403
    assert "This was not done" in answer.text
    assert "anyone/review-sample/own" in answer.text
    missing = door.browse("rea", "GET", "/reviews/review-" + "9" * 32)
    assert missing.status_code == 404


def test_whoever_signs_without_the_statement_is_told_so(door: Door) -> None:
    form = {"report": digest_of(REPORT), "method": "hipaa-safe-harbor"}
    answer = door.browse("pia", "POST", f"/clean-versions/{door.about}", data=form)
    assert answer.status_code == 422
    assert "164.514(b)(2)(ii)" in answer.text.partition('role="alert"')[2][:200]


def test_the_privacy_officer_sees_marks_in_their_texts(door: Door) -> None:
    door.house.read(door.house.review().id, REA, leaks=1)
    page = door.browse("pia", "GET", f"/reviews/{door.review}/leaks").text
    assert page.count("<mark>Record</mark>") == 1
    assert door.browse("rea", "GET", f"/reviews/{door.review}/leaks").status_code == 404


def test_markup_in_a_text_is_text(door: Door) -> None:
    text = 'a <b onclick="x">bold</b> & "word" \u202ertl\u202c ' + "x" * 90
    page = render_item(
        door.house.review(), Page(review=door.house.review(), item=0, text=text), marked=[Mark(start=0, end=1)]
    )
    assert "<b onclick" not in page
    assert "".join(word for _, word, _ in words_of(page)) == "".join(text.split())


def test_what_is_ours_is_quiet_what_stands_on_purpose_is_named_and_both_can_be_marked(door: Door) -> None:
    """Somebody who writes brackets themselves hides nothing: only whole placeholders of ours are quiet."""
    text = "([NAME], 44, of [SMITH]) saw [NAME]'s friend."
    page = render_item(
        door.house.review(), Page(review=door.house.review(), item=0, text=text, standing=(EntityType.AGE,))
    )
    quiet = re.findall(r'<label class="ours"><input type="checkbox" name="mark" value="([\d-]+)">', page)
    assert quiet == ["0-8"]
    assert len(words_of(page)) == len(text.split())
    assert "Left in on purpose, whole or in part: age" in page


def test_a_reader_is_told_what_the_profile_leaves_in(door: Door) -> None:
    operators = {"age": "band", "name": "surrogate", "date": "keep"}
    claimed = encode({"name": "default", "method": "hipaa-safe-harbor", "operators": operators, "default": "replace"})
    door.house.stage.policies.profiles["default"] = claimed
    door.house.cleaning.made = "other"
    door.house.waiting()
    item = door.ask("rea", "GET", f"/v1/reviews/{door.review}/next").json()["item"]
    assert item["standing"] == ["date", "age"]
    assert "Left in on purpose" in door.browse("ron", "GET", f"/reviews/{door.review}").text


# Taking a signature back


def test_a_privacy_officer_takes_the_signature_back_over_the_api(door: Door) -> None:
    path = f"/v1/clean-versions/{door.about}"
    body = {"because": "actual-knowledge"}
    assert door.ask("pia", "POST", f"{path}/withdrawals", json=body).status_code == 409, "nothing is signed"
    door.ask("pia", "POST", f"{path}/attestations", json=signature())
    for who in ("ann", "rea", "otto"):
        assert door.ask(who, "POST", f"{path}/withdrawals", json=body).status_code == 403
    assert door.ask("pia", "POST", f"{path}/withdrawals", json={"because": "because"}).status_code == 422
    answer = door.ask("pia", "POST", f"{path}/withdrawals", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["receipt"]["index"] == len(door.house.stage.entries()) - 1
    [shown] = door.ask("pia", "GET", path).json()["attestations"]
    assert shown["withdrawn"] == answer.json()["attestations"][0]["withdrawn"] is not None


def test_a_signature_is_taken_back_in_a_browser_and_the_page_says_so(door: Door) -> None:
    path = f"/clean-versions/{door.about}"
    assert "Withdraw every signature" not in door.browse("pia", "GET", path).text
    door.browse("pia", "POST", path, data=signature())
    page = door.browse("pia", "GET", path).text
    assert "IN FORCE" in page
    reasons = re.findall(r'name="because" value="([a-z-]+)"', page)
    assert (
        door.browse("pia", "POST", f"{path}/withdrawals", "cross-site", data={"because": reasons[0]}).status_code == 403
    )
    assert door.browse("pia", "POST", f"{path}/withdrawals", data={"because": reasons[0]}).status_code == 303
    page = door.browse("pia", "GET", path).text
    assert "WITHDRAWN" in page
    assert "IN FORCE" not in page
    assert "Withdraw every signature" not in page, "none is left"
    assert set(reasons) == {"actual-knowledge", "agreement-ended", "signed-by-mistake"}
