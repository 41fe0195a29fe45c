"""What the pages of a browser take."""

from tests.entry.api.needs import Need

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
