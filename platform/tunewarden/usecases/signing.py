"""Signing what a clean version is claimed to be: a privacy officer binds the digest of the report they have read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tunewarden.domain.attestations import Attestation, Knowledge
from tunewarden.domain.canonical import Plain, decode, from_plain
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import Corrupted, NotFound, Refused
from tunewarden.domain.events import ReportAttested
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Action, AttestationId, Digest
from tunewarden.domain.training import TrainingRequest
from tunewarden.usecases.gating import GATED, judged_again, waiting_with
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource, UnitOfWork, View
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a clean version is claimed to be, and who has signed for it.

    Attributes:
        report: digest of the document that is signed; None where the step made none.
        attestations: every signature, oldest first; those that have ended too.
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
        made = _made_by(view, about)
        permit_to_see(platform, principal, Action.READ_REVIEW, Resource(kind="review"))
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
        request = _subject(view, principal, about)
    with (
        refusals_recorded(platform, principal, Action.ATTEST_REPORT, "request", request.id),
        platform.work(principal.id) as work,
    ):
        permit(
            platform,
            principal,
            Action.ATTEST_REPORT,
            Resource(kind="request", id=request.id, author=request.requested_by),
        )
        claimed, made = _claimed(platform, request)
        _require_same(claimed, made, method, report)
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


def _made_by(shelves: View | UnitOfWork, about: Digest) -> list[TrainingRequest]:
    """The requests whose de-identification made it, oldest first; raises `NotFound` where none did."""
    made = [one for one in shelves.requests.all() if one.outputs.get(GATED) == about]
    if not made:
        raise NotFound("clean_version_not_found", "There is no such clean version for you.")
    return made


def _subject(shelves: View | UnitOfWork, principal: Principal, about: Digest) -> TrainingRequest:
    """The request that a signature is judged by: one of the signer's own if there is any, else the one that waits."""
    made = _made_by(shelves, about)
    own = [one for one in made if one.requested_by == principal.id]
    return (own or [*made, *waiting_with(shelves, about)])[-1]


def _claimed(platform: Platform, request: TrainingRequest) -> tuple[Method, Digest | None]:
    """The method that the profile claims, and the report that the step made about it."""
    profile = _members(platform, request.plan.profile)
    evidence = from_plain(Evidence, decode(platform.blobs.read(request.evidence[GATED])))
    details = {} if evidence.details is None else _members(platform, evidence.details)
    report = details.get("report")
    return Method(str(profile.get("method", Method.NONE))), Digest(report) if isinstance(report, str) else None


def _members(platform: Platform, digest: Digest) -> Mapping[str, Plain]:
    document = decode(platform.blobs.read(digest))
    if not isinstance(document, Mapping):
        raise Corrupted("document_malformed", "A stored document is not an object.")
    return document
