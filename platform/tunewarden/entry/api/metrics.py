"""What operators see of a running api: counts, in the text format of Prometheus (version 0.0.4); nothing of anybody.

Labels are templates of routes, methods, classes of status, actions and states: words of ours, so they are few, and none
was typed by anybody. Whoever reads them brings a token of its own, which opens nothing else: an address is no proof
behind a proxy. Counted from the start of this process; each replica has its own.
"""

import hmac
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from fastapi import FastAPI, Request, Response

from tunewarden.domain.errors import Malformed, Unavailable
from tunewarden.domain.names import Action
from tunewarden.domain.training import State
from tunewarden.entry.api.errors import NotAuthenticated
from tunewarden.usecases.ports import Access, Decision, Principal, Resource, Views

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FEWEST = 32  # characters of a token
_LOOKED_SECONDS = 10.0
TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Durations:
    within: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))  # the last: longer than all of them
    total: float = 0.0


class Metrics:
    """Counts. Safe to use from several threads."""

    def __init__(
        self,
        view: Views,
        is_ready: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
        streams: Callable[[], int] = lambda: 0,
    ) -> None:
        self._view, self._is_ready, self._monotonic, self._streams = view, is_ready, monotonic, streams
        self._lock = Lock()
        self._answered: Counter[Labels] = Counter()
        self._took: dict[Labels, _Durations] = {}
        self._decided: Counter[Labels] = Counter()
        self._looked: tuple[float, int, Counter[State]] | None = None

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request; `route` is a template, empty where there is none."""
        way = (("method", method if method in _METHODS else "other"), ("route", route or "none"))
        with self._lock:
            self._answered[(*way, ("status", f"{status // 100}xx"))] += 1
            took = self._took.setdefault(way, _Durations())
            took.within[bisect_left(_BUCKETS, seconds)] += 1
            took.total += seconds

    def counting(self, access: Access) -> Access:
        """The same decisions, counted."""

        def decide(principal: Principal, action: Action, resource: Resource) -> Decision:
            decision = access(principal, action, resource)
            with self._lock:
                self._decided[("action", action), ("decision", "allowed" if decision.allowed else "refused")] += 1
            return decision

        return decide

    def text(self) -> str:
        """All of it, each line ended by a line feed. Raises `Unavailable` where the database does not answer."""
        entries, jobs = self._state()
        with self._lock:
            lines = [
                *_family("tunewarden_ready", "gauge", "Whether requests may be sent here."),
                _sample("tunewarden_ready", (), int(self._is_ready())),
                *_family("tunewarden_streams", "gauge", "Streams of events that are open."),
                _sample("tunewarden_streams", (), self._streams()),
                *_family("tunewarden_log_entries_total", "counter", "Entries of the log."),
                _sample("tunewarden_log_entries_total", (), entries),
                *_family("tunewarden_jobs", "gauge", "Training requests by state."),
                *(_sample("tunewarden_jobs", (("state", state),), jobs[state]) for state in State),
                *_family("tunewarden_access_decisions_total", "counter", "Decisions by action."),
                *(_sample("tunewarden_access_decisions_total", *one) for one in sorted(self._decided.items())),
                *_family("tunewarden_http_requests_total", "counter", "Requests answered."),
                *(_sample("tunewarden_http_requests_total", *one) for one in sorted(self._answered.items())),
                *_family("tunewarden_http_request_seconds", "histogram", "Seconds until an answer began."),
                *(line for way, took in sorted(self._took.items()) for line in _histogram(way, took)),
            ]
        return "\n".join([*lines, ""])

    def _state(self) -> tuple[int, Counter[State]]:
        """How many entries, and how many jobs in which state; looked at every ten seconds at most."""
        now, looked = self._monotonic(), self._looked
        if looked is None or now - looked[0] >= _LOOKED_SECONDS:
            with self._view() as view:
                looked = now, view.size(), Counter(request.state for request in view.requests.all())
            self._looked = looked
        return looked[1:]


def read_token(path: Path) -> str:
    """What whoever reads the metrics has to bring. Raises `Unavailable`, and `Malformed` for one that is too short."""
    try:
        mode, token = path.stat().st_mode, path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            "metrics_token_unreadable", f"The token cannot be read ({type(error).__name__}).", who="administrator"
        ) from None
    if mode & 0o077 or len(token) < _FEWEST:
        raise Malformed(
            "metrics_token_unsafe",
            f"The file of the token is readable by others, or the token has fewer than {_FEWEST} characters.",
            remedy="Mend TUNEWARDEN_METRICS_TOKEN_FILE.",
            who="administrator",
            param="metrics_token_file",
        )
    return token


def install(app: FastAPI, metrics: Metrics, token: str) -> None:
    """The route, for whoever has the token."""

    @app.get("/metrics", include_in_schema=False)
    def told(request: Request) -> Response:
        brought = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(brought, f"Bearer {token}".encode()):
            raise NotAuthenticated
        return Response(metrics.text(), headers={"content-type": TYPE})


def _family(name: str, kind: str, words: str) -> tuple[str, str]:
    return f"# HELP {name} {words}", f"# TYPE {name} {kind}"


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{said}"' for label, said in labels)
    return f"{name}{{{inside}}} {value}" if inside else f"{name} {value}"


def _histogram(way: Labels, took: _Durations) -> Iterator[str]:
    name, below = "tunewarden_http_request_seconds", 0
    for bound, count in zip((*map(str, _BUCKETS), "+Inf"), took.within, strict=True):
        below += count
        yield _sample(f"{name}_bucket", (*way, ("le", bound)), below)
    yield _sample(f"{name}_sum", way, took.total)
    yield _sample(f"{name}_count", way, below)
