"""/docs: the interface description to click through, with scripts of this process and of no other place."""

import hashlib
import re
from base64 import b64encode

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

_STATIC = "/static-offline-docs"  # where fastapi-offline has its copies
_DRESS = b"""<meta name="color-scheme" content="light dark">
<style>
@media (max-width: 640px) { .swagger-ui .response-col_links { display: none } }
html:not(.dark-mode) .swagger-ui .opblock .opblock-summary-method { color: #000; text-shadow: none }
html:not(.dark-mode) .swagger-ui .info .title small pre { color: #000 }
html:not(.dark-mode) .swagger-ui .btn.authorize { color: #14532d; border-color: #14532d }
html:not(.dark-mode) .swagger-ui .btn.authorize svg { fill: #14532d }
html:not(.dark-mode) .swagger-ui .info a { color: #1d4ed8 }
html.dark-mode .swagger-ui td.header-col { color: #e4e6e6 }
</style>
<script>
const dark = matchMedia("screen and (prefers-color-scheme: dark)");
const wear = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", wear);
wear();
</script>
</head>"""
"""Swagger UI has dark colours and puts them on for nobody. Its column of links, of which we have none, is too wide, and
some of its colours cannot be read, headers of answers in the dark: they have less than the 4.5 to 1 of WCAG 2.2.
"""
_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install(app: FastAPI) -> None:
    """The page, which runs its own two inline scripts, by their hashes (CSP Level 3 section 6.7.3.3), and no other."""
    page = get_swagger_ui_html(
        openapi_url=str(app.openapi_url),
        title=app.title,
        swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{_STATIC}/swagger-ui.css",
        swagger_favicon_url="data:,",  # none: the one that is there is the framework's
    )
    body = bytes(page.body).replace(b"</head>", _DRESS)
    hashes = [b64encode(hashlib.sha256(script).digest()).decode() for script in _SCRIPT.findall(body)]
    policy = _POLICY.format(scripts=" ".join(f"'sha256-{one}'" for one in hashes))

    @app.get("/docs", include_in_schema=False)
    def documents() -> HTMLResponse:
        return HTMLResponse(body, headers={"content-security-policy": policy})
