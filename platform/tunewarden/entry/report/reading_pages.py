"""The pages on which people read a sample, see what was marked, and sign a report. No script: words are check boxes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from markupsafe import Markup, escape

from tunewarden.domain.attestations import STATEMENTS, Attestation
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.gates import Outcome
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.reviews import Mark, Review
from tunewarden.entry.report import deid_words, words
from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.figures import instant
from tunewarden.entry.report.render import environment
from tunewarden.usecases.reviews import Leak, Page
from tunewarden.usecases.signing import Claim

_WORD = re.compile(r"\S{1,40}")
"""What can be marked at once; longer runs without a space (numbers, other scripts) come in pieces."""
_PLACEHOLDERS = frozenset(f"[{kind.upper()}]" for kind in EntityType)
_AROUND = ".,;:!?()\"'"


def render_queue(reviews: Sequence[Review]) -> str:
    """The samples that somebody may read for."""
    rows = [(Name(one.id), instant(one.opened_at), len(one.answered), one.items) for one in reviews]
    return environment().get_template("review_queue.html").render(rows=rows)


def render_item(review: Review, page: Page | None, *, problem: str = "", marked: Iterable[Mark] = ()) -> str:
    """The next text with its words to mark; what is wrong with the answer that was sent, if it was."""
    chosen = {mark.start for mark in marked}
    return (
        environment()
        .get_template("review_item.html")
        .render(
            review=Name(review.id),
            answered=len(review.answered),
            items=review.items,
            is_open=review.is_open,
            item=None if page is None else page.item,
            text=Markup() if page is None else Markup().join(_markable(page.text, chosen)),
            standing=() if page is None else tuple(deid_words.kind_name(kind) for kind in page.standing),
            problem=problem,
        )
    )


def render_leaks(review: Review, leaks: Sequence[Leak]) -> str:
    """What was marked, each text whole, for whoever has to mend it."""
    shown = [(leak, Markup().join(_marked(leak.text, leak.marks))) for leak in leaks]
    return (
        environment()
        .get_template("review_leaks.html")
        .render(
            review=Name(review.id),
            about=Name(review.about),
            answered=len(review.answered),
            items=review.items,
            is_open=review.is_open,
            outcome="" if review.outcome is None else review.outcome.value,
            word=words.OUTCOMES[review.outcome or Outcome.UNKNOWN],
            leaks=shown,
        )
    )


def render_signing(claim: Claim, *, today: date, problem: str = "") -> str:
    """What is claimed, the way to the report, and the form that signs it."""
    return (
        environment()
        .get_template("signing.html")
        .render(
            about=Name(claim.about),
            report=None if claim.report is None else Name(claim.report),
            method=claim.method.value,
            claims=claim.method is not Method.NONE,
            named=deid_words.METHODS[claim.method],
            statement=_statement(claim.method),
            is_expert=claim.method is Method.EXPERT_DETERMINATION,
            waiting=[Name(one.id) for one in claim.waiting],
            signed=[
                (Name(one.by), instant(one.at), one.expires, _force(one, today), Name(one.report))
                for one in claim.attestations
            ],
            withdrawable=any(one.withdrawn is None for one in claim.attestations),
            withdrawals=tuple((why.value, said) for why, said in deid_words.WITHDRAWALS.items()),
            today=today.isoformat(),
            problem=problem,
        )
    )


def render_no(error: TunewardenError) -> str:
    """A refusal, or whatever else went wrong, as a page: what was decided, and who can change it."""
    return (
        environment()
        .get_template("review_no.html")
        .render(
            code=error.code,
            reason=error.reason,
            remedy=error.remedy,
            who=error.who,
            rule=error.rule,
        )
    )


def _statement(method: Method) -> tuple[str, str] | None:
    """The word and the sentence of what has to be stated with a signature."""
    wanted = STATEMENTS[method]
    return None if wanted is None else (wanted.value, deid_words.DECLARATIONS[wanted])


def _force(one: Attestation, today: date) -> tuple[str, str]:
    """Whether a signature counts: the outcome that it is marked as, and a word."""
    if one.withdrawn is not None:
        return "fail", f"WITHDRAWN {instant(one.withdrawn)}"
    return ("pass", "IN FORCE") if one.holds_on(today) else ("fail", "ENDED")


def _markable(text: str, chosen: set[int]) -> Iterator[Markup]:
    """The text with a check box in each word; its value is where the word stands, in code points."""
    at = 0
    for found in _WORD.finditer(text):
        start, end = found.span()
        yield escape(text[at:start])
        checked = Markup(" checked") if start in chosen else Markup()
        ours = Markup(' class="ours"') if found[0].strip(_AROUND) in _PLACEHOLDERS else Markup()
        yield Markup('<label{}><input type="checkbox" name="mark" value="{}-{}"{}><span>{}</span></label>').format(
            ours, start, end, checked, found[0]
        )
        at = end
    yield escape(text[at:])


def _marked(text: str, marks: Sequence[Mark]) -> Iterator[Markup]:
    at = 0
    for mark in marks:
        yield escape(text[at : mark.start])
        yield Markup("<mark>{}</mark>").format(text[mark.start : mark.end])
        at = mark.end
    yield escape(text[at:])
