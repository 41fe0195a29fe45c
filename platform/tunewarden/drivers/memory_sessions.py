"""Sessions and the last uses of keys, in memory: for tests, and for nothing that has to outlive a process."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from threading import Lock

from tunewarden.usecases.sessions import Session


class MemorySessions:
    """`usecases.sessions.Sessions`."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = Lock()

    def begin(self, session: Session) -> None:
        with self._lock:
            self._sessions[session.id] = session

    def find(self, identifier: str) -> Session | None:
        with self._lock:
            return self._sessions.get(identifier)

    def use(self, identifier: str, now: datetime) -> None:
        with self._lock:
            session = self._sessions.get(identifier)
            if session is not None and session.used_at < now:
                self._sessions[identifier] = replace(session, used_at=now)

    def end(self, identifier: str) -> None:
        with self._lock:
            self._sessions.pop(identifier, None)

    def sweep(self, begun_before: datetime, used_before: datetime) -> None:
        with self._lock:
            self._sessions = {
                identifier: session
                for identifier, session in self._sessions.items()
                if session.begun_at >= begun_before and session.used_at >= used_before
            }


class MemoryKeyUses:
    """`usecases.sessions.KeyUses`."""

    def __init__(self) -> None:
        self._uses: dict[str, datetime] = {}
        self._lock = Lock()

    def use(self, key: str, now: datetime) -> None:
        with self._lock:
            self._uses[key] = max(now, self._uses.get(key, now))

    def all(self) -> Mapping[str, datetime]:
        with self._lock:
            return dict(self._uses)
