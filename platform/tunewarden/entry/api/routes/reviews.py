"""/v1/reviews and /v1/clean-versions: what people say of de-identified records."""

import json

from tunewarden.domain.attestations import Attestation
from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import ReviewId, digest_name
from tunewarden.domain.reviews import Mark, Review
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.schemas import AnswerIn, AttestationIn, Json, WithdrawalIn, page, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import reviews, signing

router = Routes(tags=["reviews"])


@router.get("/v1/reviews", summary="Samples to read")
def listed(called: Called) -> Json:
    """The open reviews that you may read for, oldest first."""
    return page([_review(one) for one in reviews.listed(called.platform, called.principal)])


@router.get("/v1/reviews/{review_id}/next", summary="The next text to read")
def following(called: Called, review_id: str) -> Json:
    """The text that you have open, else one that nobody has; `item` is null where none is left for you.

    It is de-identified and personal data all the same: nothing on the way may keep it. Values that the profile made up
    are shown as their kind in brackets; `standing` names the kinds of which it leaves something in on purpose. Neither
    is a leak. Whether a made-up identifier was put into the text is not said.
    """
    review, found = reviews.following(called.platform, called.principal, ReviewId(review_id))
    item = None if found is None else {"number": found.item, "text": found.text, "standing": list(found.standing)}
    return {**_review(review), "item": item}


@router.post("/v1/reviews/{review_id}/answers", summary="Say what still identifies somebody")
def answer(called: Called, review_id: str, body: AnswerIn) -> Json:
    """Mark every part that does, by code points, or say `nothing_found`; an answer stays. The last one closes it."""
    if body.nothing_found == bool(body.marks):
        raise Malformed(
            "answer_unclear", "An answer has marks, or says that nothing was found; not both.", param="nothing_found"
        )
    marks = [Mark(start=mark.start, end=mark.end) for mark in body.marks]
    review, receipt = reviews.answer(called.platform, called.principal, ReviewId(review_id), body.item, marks)
    return {**_review(review), "receipt": receipt_out(receipt)}


@router.get("/v1/reviews/{review_id}/leaks", summary="What was marked")
def leaks(called: Called, review_id: str) -> Json:
    """For a privacy officer, once everything was read: each text in which something was marked, and where."""
    review, found = reviews.leaks(called.platform, called.principal, ReviewId(review_id))
    return {
        **_review(review),
        "outcome": review.outcome,
        "leaks": [
            {
                "item": leak.item,
                "record": leak.record,
                "seeded": leak.is_seeded,
                "text": leak.text,
                "marks": [{"start": mark.start, "end": mark.end} for mark in leak.marks],
            }
            for leak in found
        ],
    }


@router.get("/v1/clean-versions/{digest}", summary="What a clean version is claimed to be")
def clean_version(called: Called, digest: str) -> Json:
    """The method that its profile claims, the report to sign, and every signature."""
    found = signing.claim(called.platform, called.principal, digest_name(digest))
    return {
        "object": "clean_version",
        "digest": found.about,
        "method": found.method,
        "report": found.report,
        "requests_waiting": [one.id for one in found.waiting],
        "attestations": [_attestation(one) for one in found.attestations],
    }


@router.get("/v1/clean-versions/{digest}/report", summary="The report to sign")
def report(called: Called, digest: str) -> Json:
    """The document whose digest is signed; as canonical JSON (RFC 8785) it has that digest."""
    found, document = signing.report(called.platform, called.principal, digest_name(digest))
    return {"object": "clean_version.report", "digest": found, "report": json.loads(document)}


@router.post("/v1/clean-versions/{digest}/attestations", summary="Sign the report")
def attest(called: Called, digest: str, body: AttestationIn) -> Json:
    """By a privacy officer who did not ask for the training; what waits for it is judged again at once."""
    attestation, receipt = signing.attest(
        called.platform,
        called.principal,
        digest_name(digest),
        report=digest_name(body.report),
        method=body.method,
        knowledge=body.knowledge,
        expires=body.expires,
    )
    return {**_attestation(attestation), "receipt": receipt_out(receipt)}


@router.post("/v1/clean-versions/{digest}/withdrawals", summary="Withdraw the signatures")
def withdraw(called: Called, digest: str, body: WithdrawalIn) -> Json:
    """Every one about the clean version, whoever gave it. What has not been trained waits for a signature again.

    A model that was trained under them is neither promoted nor handed out until somebody has signed anew.
    """
    withdrawn, receipt = signing.withdraw(called.platform, called.principal, digest_name(digest), body.because)
    return {
        "object": "clean_version.withdrawal",
        "clean_version": digest_name(digest),
        "because": body.because,
        "attestations": [_attestation(one) for one in withdrawn],
        "receipt": receipt_out(receipt),
    }


def _review(review: Review) -> Json:
    """Not told: which items, or how many, carry a seed."""
    return {
        "id": review.id,
        "object": "review",
        "request": review.request,
        "clean_version": review.about,
        "items": review.items,
        "answered": len(review.answered),
        "open": review.is_open,
        "opened_at": instant_text(review.opened_at),
    }


def _attestation(attestation: Attestation) -> Json:
    return {
        "id": attestation.id,
        "object": "attestation",
        "clean_version": attestation.about,
        "report": attestation.report,
        "method": attestation.method,
        "knowledge": attestation.knowledge,
        "expires": None if attestation.expires is None else attestation.expires.isoformat(),
        "by": attestation.by,
        "at": instant_text(attestation.at),
        "withdrawn": None if attestation.withdrawn is None else instant_text(attestation.withdrawn),
    }
