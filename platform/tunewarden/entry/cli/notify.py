"""`tunewarden notifier`: telling webhook endpoints."""

import threading


def notify(stopping: threading.Event) -> int:
    """Tell the endpoints of the platform until told to stop; returns the exit code."""
    from datetime import UTC, datetime

    from tunewarden.entry.settings import Settings
    from tunewarden.entry.webhooks import run

    return run(Settings(), lambda: datetime.now(UTC), stopping)
