"""Following a job until it has ended: asked again and again, however often the platform is started anew meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tunewarden.domain.errors import Unavailable
from tunewarden.entry.cli.client.api import Api
from tunewarden.entry.cli.client.declined import Declined
from tunewarden.entry.cli.client.stages import Progress, progress
from tunewarden.entry.cli.client.talk import at
from tunewarden.entry.cli.exits import Exit

Json = dict[str, Any]

_MOST_EVENTS = 20_000
_PAGE = 100
_LONGEST_PAUSE = 30.0


@dataclass(slots=True, kw_only=True)
class Watch:
    """Of one job.

    Attributes:
        every: seconds between two looks.
        lost: told each time that the platform does not answer, with the reason.
        patience: after so many looks in a row without an answer it is given up; None for never.
    """

    api: Api
    job: str
    every: float
    lost: Callable[[str], None]
    patience: int | None = None
    _events: dict[str, Json] = field(default_factory=dict, init=False)

    def looks(self) -> Iterator[tuple[Json, Progress]]:
        """The job and where it is, as often as either has changed; the last one is that of its end.

        Raises `Declined` as the platform declines, and `Unavailable` where it was given up.
        """
        before: tuple[Json, Progress] | None = None
        failed = 0
        while True:
            try:
                now = self._look()
            except (Unavailable, Declined) as error:
                if isinstance(error, Declined) and error.exit_code is not Exit.UNAVAILABLE:
                    raise
                failed += 1
                if self.patience is not None and failed >= self.patience:
                    raise
                self.lost(str(error))
                self.api.sleep(min(_LONGEST_PAUSE, self.every * 2 ** min(failed, 8)))
                continue
            failed = 0
            if now != before:
                yield now
                before = now
            if now[1].over:
                return
            self.api.sleep(self.every)

    def _look(self) -> tuple[Json, Progress]:
        job = self.api.get(at("/v1/fine_tuning/jobs/{}", self.job))
        self._fetch_events()
        events = sorted(self._events.values(), key=_index)
        return job, progress(job, events, self._aliases(job))

    def _fetch_events(self) -> None:
        """Those that are not known yet; the newest come first, and count once all of them came."""
        fresh: dict[str, Json] = {}
        path = at("/v1/fine_tuning/jobs/{}/events", self.job)
        for event in self.api.pages(path, {"limit": _PAGE}, most=_MOST_EVENTS):
            identifier = str(event.get("id", ""))
            if identifier in self._events:
                break
            fresh[identifier] = event
        self._events |= fresh

    def _aliases(self, job: Json) -> list[str]:
        """Of the model version that it became; none where there is none, or who watches may not see it."""
        model = (job.get("governance") or {}).get("model")
        if not isinstance(model, str) or not model:
            return []
        try:
            found = self.api.get(at("/v1/models/{}", model))
        except Declined as error:
            if error.exit_code is Exit.UNAVAILABLE:
                raise
            return []
        aliases = (found.get("governance") or {}).get("aliases")
        return [str(one) for one in aliases] if isinstance(aliases, list) else []


def _index(event: Json) -> int:
    index = (event.get("data") or {}).get("index")
    return index if isinstance(index, int) else 0
