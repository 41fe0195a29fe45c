"""Pages over HTTP: HTML with the policy that lets a page have its own stylesheet and, where it asks, its own forms."""

from fastapi.responses import HTMLResponse

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'"


def html(page: str, *, has_forms: bool = False, status: int = 200) -> HTMLResponse:
    """A page of ours: no script at all, from nowhere; a form, where it has one, goes to where the page came from."""
    policy = _POLICY.format(forms="'self'" if has_forms else "'none'")
    return HTMLResponse(page, status_code=status, headers={"content-security-policy": policy})
