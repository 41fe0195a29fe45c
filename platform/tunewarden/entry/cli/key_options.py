"""What is said of a new API key on the command line, through the API and on the platform's machine alike."""

from typing import Annotated

import typer

from tunewarden.domain.identities import KeyKind
from tunewarden.domain.names import Role

Roles = Annotated[
    list[Role] | None, typer.Option("--role", help="What a new principal may do; may be given more than once.")
]
Name = Annotated[str, typer.Option(help="Whose key it is; for screens only, never logged.")]
Kind = Annotated[KeyKind | None, typer.Option(help="admin is for the administrator role alone; else by the roles.")]
Scope = Annotated[list[Role] | None, typer.Option(help="For these of its principal's roles only.")]
Days = Annotated[
    int | None, typer.Option("--days", min=1, max=3650, help="For how long it works; else as the settings say.")
]
Service = Annotated[bool, typer.Option("--service", help="A program, which never counts as a person.")]
Request = Annotated[str, typer.Option(help="Bind the key to this training request.")]
OF_WHOM = "Instead: whose further key it is."
WHERE = "It opens what is in this project, and nothing else."
