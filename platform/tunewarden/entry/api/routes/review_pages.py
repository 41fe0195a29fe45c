"""/reviews and /clean-versions: the same as the API's routes of these names, as pages for a browser."""

from datetime import date
from enum import StrEnum
from typing import Annotated, TypeVar

from fastapi import Form
from fastapi.responses import RedirectResponse, Response

from tunewarden.domain.attestations import Knowledge, Withdrawal
from tunewarden.domain.canonical import decode
from tunewarden.domain.deidentification import Method
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest, ReviewId, digest_name
from tunewarden.domain.review_events import ReviewOpened
from tunewarden.domain.reviews import MOST_MARKS, Mark
from tunewarden.entry.api.caller import Caller, Sent, Visited
from tunewarden.entry.api.page_answers import done, shown
from tunewarden.entry.api.pages import html
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.report.reading_pages import (
    render_item,
    render_leaks,
    render_queue,
    render_signing,
)
from tunewarden.entry.report.safe_harbor import render_safe_harbor, standing
from tunewarden.usecases import reviews, signing
from tunewarden.usecases.ports import View

router = Routes(include_in_schema=False)

W = TypeVar("W", bound=StrEnum)

Text = Annotated[str, Form(max_length=128)]
Marks = Annotated[list[str], Form(max_length=MOST_MARKS)]


@router.get("/reviews")
def queue(visited: Visited) -> Response:
    """The samples to read."""
    return shown(visited, lambda: render_queue(reviews.listed(visited.platform, visited.principal)))


@router.get("/reviews/{review_id}")
def item(visited: Visited, review_id: str) -> Response:
    """The next text."""
    return shown(
        visited, lambda: render_item(*reviews.following(visited.platform, visited.principal, ReviewId(review_id)))
    )


@router.post("/reviews/{review_id}")
def answer(
    sent: Sent, review_id: str, item: Annotated[int, Form()], found: Text, mark: Marks | None = None
) -> Response:
    """An answer; what cannot be one comes back with the marks as they were."""

    def act() -> Response:
        marks = [_mark(one) for one in mark or []]
        if found not in {"nothing", "marked"} or (found == "marked") != bool(marks):
            problem = "You marked words and said that nothing identifies anybody. Take the marks off, or keep them."
            problem = problem if marks else "Mark the words first, or say that nothing identifies anybody."
            page = reviews.following(sent.platform, sent.principal, ReviewId(review_id))
            return html(
                render_item(*page, problem=problem, marked=marks),
                has_forms=True,
                form_token=sent.form_token,
                status=422,
            )
        reviews.answer(sent.platform, sent.principal, ReviewId(review_id), item, marks)
        return RedirectResponse(f"/reviews/{ReviewId(review_id)}", status_code=303)

    return done(sent, act)


@router.get("/reviews/{review_id}/leaks")
def leaks(visited: Visited, review_id: str) -> Response:
    """What was marked."""
    return shown(
        visited, lambda: render_leaks(*reviews.leaks(visited.platform, visited.principal, ReviewId(review_id)))
    )


@router.get("/clean-versions/{digest}")
def clean_version(visited: Visited, digest: str) -> Response:
    """What is claimed, and the form to sign it."""
    return shown(visited, lambda: _signing(visited, digest))


@router.get("/clean-versions/{digest}/report")
def report(visited: Visited, digest: str) -> Response:
    """The report at the digest that is signed, with what the log says of it since."""

    def page() -> str:
        about = digest_name(digest)
        found, document = signing.report(visited.platform, visited.principal, about)
        with visited.platform.view() as view:
            known = standing(_of_clean_version(view, about), about, found)
        return render_safe_harbor(decode(document), known)

    return shown(visited, page)


@router.post("/clean-versions/{digest}")
def attest(sent: Sent, digest: str, report: Text, method: Text, knowledge: Text = "", expires: Text = "") -> Response:
    """Sign."""

    def act() -> Response:
        about = digest_name(digest)
        try:
            signing.attest(
                sent.platform,
                sent.principal,
                about,
                report=digest_name(report),
                method=_word(Method, method),
                knowledge=_word(Knowledge, knowledge) if knowledge else None,
                expires=_day(expires) if expires else None,
            )
        except Malformed as fault:
            return html(_signing(sent, digest, str(fault)), has_forms=True, form_token=sent.form_token, status=422)
        return RedirectResponse(f"/clean-versions/{about}", status_code=303)

    return done(sent, act)


@router.post("/clean-versions/{digest}/withdrawals")
def withdraw(sent: Sent, digest: str, because: Text) -> Response:
    """Take the signatures back."""

    def act() -> Response:
        about = digest_name(digest)
        signing.withdraw(sent.platform, sent.principal, about, _word(Withdrawal, because))
        return RedirectResponse(f"/clean-versions/{about}", status_code=303)

    return done(sent, act)


def _signing(visited: Caller, digest: str, problem: str = "") -> str:
    found = signing.claim(visited.platform, visited.principal, digest_name(digest))
    return render_signing(found, today=visited.platform.clock().date(), problem=problem)


def _of_clean_version(view: View, about: Digest) -> list[Entry]:
    """Entries that name the clean version, and those that name a review of it, in order."""
    naming = {entry.index: entry for entry in view.entries_naming(about)}
    opened = [entry.event.review for entry in naming.values() if isinstance(entry.event, ReviewOpened)]
    for review in opened:
        naming |= {entry.index: entry for entry in view.entries_naming(review)}
    return [naming[index] for index in sorted(naming)]


def _mark(text: str) -> Mark:
    start, _, end = text.partition("-")
    if not (start.isdecimal() and end.isdecimal() and len(text) < 24):
        raise Malformed("mark_malformed", "A mark is two whole numbers with a hyphen between.", param="mark")
    return Mark(start=int(start), end=int(end))


def _word(kind: type[W], text: str) -> W:
    try:
        return kind(text)
    except ValueError:
        raise Malformed("word_unknown", f"This is one of: {', '.join(sorted(kind))}.") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Malformed("expiry_malformed", "A day is like 2027-01-31.", param="expires") from None
