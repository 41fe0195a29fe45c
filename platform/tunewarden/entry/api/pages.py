"""Pages over HTTP: HTML with the policy that lets a page have its own stylesheet and, where it asks, its own forms."""

import re

from fastapi.responses import HTMLResponse
from markupsafe import escape

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
_FORM = re.compile(r'<form method="post"[^>]*>')


def html(page: str, *, has_forms: bool = False, form_token: str = "", status: int = 200) -> HTMLResponse:
    """A page of ours: no script at all, from nowhere; a form, where it has one, goes to where the page came from.

    Every form of it brings `form_token` back, where there is one. No text from a record can look like a form here:
    templates escape it.
    """
    policy = _POLICY.format(forms="'self'" if has_forms else "'none'")
    if form_token:
        hidden = f'<input type="hidden" name="csrf" value="{escape(form_token)}">'
        page = _FORM.sub(lambda form: form[0] + hidden, page)
    return HTMLResponse(page, status_code=status, headers={"content-security-policy": policy})
