"""Pages over HTTP: HTML with the policy that lets a page have its own stylesheet and nothing else."""

from fastapi.responses import HTMLResponse

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def html(page: str) -> HTMLResponse:
    """A page of ours: no script at all, from nowhere."""
    return HTMLResponse(page, headers={"content-security-policy": _POLICY})
