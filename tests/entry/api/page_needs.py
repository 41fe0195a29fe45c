"""What the pages of a browser take, and where each is."""

from collections.abc import Iterator
from typing import Any

from tests.entry.api.needs import Need
from tests.journeys.canaries import Script

from tunewarden.domain.names import Action

A = Action
PAGES: dict[tuple[str, str], Need] = {
    ("GET", "/emergencies"): Need(A.READ_EMERGENCY, "emergency", is_list=True),
    ("POST", "/emergencies/{emergency_id}/confirm"): Need(A.CONFIRM_EMERGENCY, "emergency"),
    ("POST", "/emergencies/{emergency_id}/close"): Need(A.CLOSE_EMERGENCY, "emergency"),
    ("POST", "/emergencies/{emergency_id}/review"): Need(A.REVIEW_EMERGENCY, "emergency"),
    ("GET", "/models/{model_id}/card"): Need(A.READ_LINEAGE, "model"),
    ("GET", "/models/{model_id}/report"): Need(A.READ_LINEAGE, "model"),
    ("GET", "/models/{model_id}/compare/{other_id}"): Need(A.READ_LINEAGE, "model"),
    ("GET", "/models/{model_id}/evidence"): Need(A.READ_LINEAGE, "model"),
    ("GET", "/models/{model_id}/evidence/{kind}"): Need(A.READ_LINEAGE, "model"),
    ("GET", "/promotions"): Need(A.READ_MODEL, "model", is_list=True),
    ("GET", "/promotions/{promotion_id}"): Need(A.READ_MODEL, "model"),
    ("POST", "/promotions/{promotion_id}/override"): Need(A.OVERRIDE_GATE, "promotion"),
    ("POST", "/promotions/{promotion_id}/approve"): Need(A.APPROVE_PROMOTION, "promotion"),
    ("GET", "/reviews"): Need(A.REVIEW_SAMPLE, "review", is_list=True),
    ("GET", "/reviews/{review_id}"): Need(A.REVIEW_SAMPLE, "review"),
    ("POST", "/reviews/{review_id}"): Need(A.REVIEW_SAMPLE, "review"),
    ("GET", "/reviews/{review_id}/leaks"): Need(A.READ_REVIEW, "review"),
    ("GET", "/clean-versions/{digest}"): Need(A.READ_REVIEW, "review"),
    ("GET", "/clean-versions/{digest}/report"): Need(A.READ_REVIEW, "review"),
    ("POST", "/clean-versions/{digest}"): Need(A.ATTEST_REPORT, "request"),
    ("POST", "/clean-versions/{digest}/withdrawals"): Need(A.WITHDRAW_SIGNATURE, "request"),
}
FORMS = {
    "/reviews/{review_id}": {"item": "0", "found": "nothing"},
    "/clean-versions/{digest}": {"report": "sha256:" + "0" * 64, "method": "hipaa-safe-harbor"},
    "/clean-versions/{digest}/withdrawals": {"because": "actual-knowledge"},
    "/emergencies/{emergency_id}/review": {"finding": "justified"},
    "/promotions/{promotion_id}/override": {"verdict": "sha256:" + "0" * 64, "reason": "watched-in-use"},
    "/promotions/{promotion_id}/approve": {"verdict": "sha256:" + "0" * 64},
}
"""What their forms send; those that are not here send nothing."""


def pages(calls: Script) -> Iterator[tuple[str, str, Need, str, dict[str, str] | None]]:
    """Every page about one thing, and every form of one: method, path, what it needs, where it is, what is sent."""
    ids: dict[str, Any] = {}
    for path in (
        "/v1/reviews/{review_id}/next",
        "/v1/clean-versions/{digest}",
        "/v1/emergencies/{emergency_id}",
        "/v1/models/{model_id}/diff/{other_id}",
        "/v1/models/{model_id}/evidence/{kind}",
        "/v1/promotions/{promotion_id}",
    ):
        ids |= calls.call("GET", path).within
    for (method, path), need in PAGES.items():
        if not need.is_list:
            yield method, path, need, path.format(**ids), FORMS.get(path) if method == "POST" else None
