"""Signing what a clean version is claimed to be: a privacy officer binds the digest of the report they have read.

And taking it back. Signatures are withdrawn together: what somebody learned of the data is true of every report on
them. What was withdrawn is not forgotten: a model that was trained under it is promoted, and its weights are handed
out, only after somebody has signed anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from tunewarden.domain.attestations import Attestation, Knowledge, Withdrawal, require_statement
from tunewarden.domain.canonical import Plain, decode, from_plain
from tunewarden.domain.deidentification import Method, claimed_method
from tunewarden.domain.errors import Conflict, Corrupted, NotFound, Refused
from tunewarden.domain.events import ReportAttested, SignatureWithdrawn
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Action, AttestationId, Digest
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.usecases.gating import GATED, judged_again, waiting_with
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource, UnitOfWork, View
from tunewarden.usecases.refusals import not_found, permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import of_request

_CLEAN = "clean version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a clean version is claimed to be, and who has signed for it.

    Attributes:
        report: digest of the document that is signed; None where the step made none.
        attestations: every signature, oldest first; those that have ended or were withdrawn too.
        waiting: the requests that wait for people.
    """

    about: Digest
    method: Method
    report: Digest | None
    attestations: tuple[Attestation, ...]
    waiting: tuple[TrainingRequest, ...]


def claim(platform: Platform, principal: Principal, about: Digest) -> Claim:
    """What is, or would be, signed. Raises `NotFound`."""
    with platform.view() as view:
        made = _made_by(platform, view, principal, about)
        here = Resource(kind="review", project=made[-1].project)
        permit_to_see(platform, principal, Action.READ_REVIEW, here, noun=_CLEAN)
        method, report = _claimed(platform, made[-1])
        return Claim(
            about=about,
            method=method,
            report=report,
            attestations=tuple(one for one in view.attestations.all() if one.about == about),
            waiting=tuple(waiting_with(view, about)),
        )


def report(platform: Platform, principal: Principal, about: Digest) -> tuple[Digest, bytes]:
    """The report at the digest that is signed, as canonical JSON. Raises `NotFound` where there is none."""
    found = claim(platform, principal, about).report
    if found is None:
        raise NotFound("report_not_found", "The profile of this clean version claims nothing, so there is no report.")
    return found, platform.blobs.read(found)


def attest(
    platform: Platform,
    principal: Principal,
    about: Digest,
    *,
    report: Digest,
    method: Method,
    knowledge: Knowledge | None,
    expires: date | None,
) -> tuple[Attestation, Receipt]:
    """Sign; whatever waits for the signature is judged again, in the same commit.

    Raises `NotFound`, `Malformed`, and `Refused` for who asked for the training themselves, for another report than the
    clean version's own, and for another method than its profile claims.
    """
    with platform.view() as view:
        request = _subject(platform, view, principal, about)
    with (
        refusals_recorded(platform, principal, Action.ATTEST_REPORT, "request", request.id),
        platform.work(principal.id) as work,
    ):
        permit(platform, principal, Action.ATTEST_REPORT, of_request(request), noun=_CLEAN)
        claimed, made = _claimed(platform, request)
        _require_same(claimed, made, method, report)
        require_statement(method, knowledge)
        attestation = Attestation(
            id=AttestationId(platform.new_id("att")),
            about=about,
            report=report,
            method=method,
            knowledge=knowledge,
            expires=expires,
            by=principal.id,
            at=platform.clock(),
        )
        work.attestations.put(attestation)
        work.record(ReportAttested(about=about, report=report, method=method, knowledge=knowledge, expires=expires))
        judged_again(platform, work, about)
        return attestation, work.commit()


def withdraw(
    platform: Platform, principal: Principal, about: Digest, because: Withdrawal
) -> tuple[tuple[Attestation, ...], Receipt]:
    """Take back every signature about a clean version; who relied on them is judged again, in the same commit.

    Whoever signed: what is known now counts, and not by whom it was signed before. Raises `NotFound`, `Refused`, and
    `Conflict` where no signature is left to withdraw.
    """
    with platform.view() as view:
        request = _subject(platform, view, principal, about)
    with (
        refusals_recorded(platform, principal, Action.WITHDRAW_SIGNATURE, "request", request.id),
        platform.work(principal.id) as work,
    ):
        permit(platform, principal, Action.WITHDRAW_SIGNATURE, of_request(request), noun=_CLEAN)
        now = platform.clock()
        given = [one for one in work.attestations.all() if one.about == about and one.withdrawn is None]
        if not given:
            raise Conflict("nothing_signed", "No signature about this clean version is left to withdraw.")
        withdrawn = tuple(replace(one, withdrawn=now) for one in given)
        for one in withdrawn:
            work.attestations.put(one)
        work.record(SignatureWithdrawn(about=about, because=because, signatures=len(withdrawn)))
        judged_again(platform, work, about, State.DEIDENTIFIED)
        return withdrawn, work.commit()


def require_not_withdrawn(platform: Platform, shelves: View | UnitOfWork, request: TrainingRequest) -> None:
    """Raises `Refused` where what a request was trained on was signed, that was withdrawn, and nobody signed since.

    Not asked: whether a signature that was in force then has ended since; it was good for that training.
    """
    about = request.outputs.get(GATED)
    signed = [one for one in shelves.attestations.all() if one.about == about]
    today = platform.clock().date()
    if any(one.withdrawn for one in signed) and not any(one.holds_on(today) for one in signed):
        raise Refused(
            "signature_withdrawn",
            "The signature under the report on what this was trained on was withdrawn.",
            remedy="Have a privacy officer look at the records and sign again, or train on others.",
            who="privacy-officer",
        )


def _require_same(claimed: Method, made: Digest | None, method: Method, report: Digest) -> None:
    if method is not claimed:
        raise Refused(
            "method_not_claimed",
            f"The profile claims {claimed}, and the signature another method.",
            remedy="Sign what is claimed, or have it de-identified by another profile.",
            who="privacy-officer",
            param="method",
        )
    if report != made:
        raise Refused(
            "report_changed",
            "The signature names another report than that of this clean version.",
            remedy="Read the report as it is and sign its digest.",
            who="privacy-officer",
            param="report",
        )


def _made_by(platform: Platform, view: View, principal: Principal, about: Digest) -> list[TrainingRequest]:
    """The requests whose de-identification made it, oldest first; raises `NotFound` where none did.

    Those that are there for this principal, where any is; else all, and whoever asks for permission is told as much.
    """
    made = [one for one in view.requests.all() if one.outputs.get(GATED) == about]
    if not made:
        raise not_found(_CLEAN)
    seen = [one for one in made if not platform.access(principal, Action.READ_REQUEST, of_request(one)).outside]
    return seen or made


def _subject(platform: Platform, view: View, principal: Principal, about: Digest) -> TrainingRequest:
    """The request that a signature is judged by: one of the signer's own if there is any, else the one that waits."""
    made = _made_by(platform, view, principal, about)
    own = [one for one in made if one.requested_by == principal.id]
    return (own or [*made, *(one for one in waiting_with(view, about) if one in made)])[-1]


def _claimed(platform: Platform, request: TrainingRequest) -> tuple[Method, Digest | None]:
    """The method that the profile claims, and the report that the step made about it."""
    profile = _members(platform, request.plan.profile)
    evidence = from_plain(Evidence, decode(platform.blobs.read(request.evidence[GATED])))
    details = {} if evidence.details is None else _members(platform, evidence.details)
    report = details.get("report")
    return claimed_method(profile), Digest(report) if isinstance(report, str) else None


def _members(platform: Platform, digest: Digest) -> Mapping[str, Plain]:
    document = decode(platform.blobs.read(digest))
    if not isinstance(document, Mapping):
        raise Corrupted("document_malformed", "A stored document is not an object.")
    return document
