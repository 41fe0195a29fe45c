"""What API keys look like. Whose one is, and whether it opens anything, is found elsewhere."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from tunewarden.domain.identities import KeyKind

TOKEN = re.compile(r"tw-(admin-)?[A-Za-z0-9_-]{43}")
"""The prefix of its kind and 256 bits in base64url."""
PREFIXES: Mapping[KeyKind, str] = MappingProxyType({KeyKind.PROJECT: "tw-", KeyKind.ADMIN: "tw-admin-"})


def is_token(text: str) -> bool:
    """Whether this looks like an API key."""
    return TOKEN.fullmatch(text) is not None


def is_admin_token(text: str) -> bool:
    """Whether this looks like an admin key."""
    return is_token(text) and text.startswith(PREFIXES[KeyKind.ADMIN])
