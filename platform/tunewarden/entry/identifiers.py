"""Fresh identifiers: opaque, unguessable, and sortable by the time they were made."""

import secrets
import time


def new_id(prefix: str) -> str:
    """`<prefix>-` and 32 hexadecimal digits: 12 of milliseconds since 1970, 20 (80 bits) from the operating system."""
    return f"{prefix}-{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
