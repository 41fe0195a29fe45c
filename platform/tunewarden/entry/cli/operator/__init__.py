"""`tunewarden operator ...`: on the platform's machine and on its database, without the API.

For the first keys of a fresh platform, for who is locked out, and for when there is no API. Everything else asks the
API as who is logged in (`entry.cli.client`).
"""

import typer

from tunewarden.entry.cli.operator import emergency, keys, policy, projects

app = typer.Typer(
    no_args_is_help=True,
    help="Without the API, on its database: the first keys, for who is locked out, and when the API is down.",
)
app.add_typer(keys.app, name="keys")
app.add_typer(projects.app, name="projects")
app.add_typer(emergency.app, name="emergency")
app.add_typer(policy.app, name="policy")
