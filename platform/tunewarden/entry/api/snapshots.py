"""A request that only asks is answered out of one snapshot: what its parts say fits together, and it is one journey.

Once it has something done all the same, such as a refusal written down, what it reads next is as of then.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import cast

from tunewarden.domain.names import PrincipalId
from tunewarden.usecases.ports import Platform, UnitOfWork, View, Views


class _Snapshot:
    """The one view of a request, opened when it is first asked for, or again once something was done. Of one thread."""

    def __init__(self) -> None:
        self._open, self._view = ExitStack(), cast("View | None", None)

    def lent(self, views: Views) -> View:
        if self._view is None:
            self._view = self._open.enter_context(views())
        return cast("View", _Lent(self._view))

    def renew(self) -> None:
        """The next view is another one; whoever reads the former still may go on, until the request is over."""
        self._view = None

    def end(self) -> None:
        self._open.close()


class _Lent:
    """A view that stays open when whoever asked for it is done with it."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __enter__(self) -> View:
        return self._view

    def __exit__(self, *_: object) -> None:
        pass


_mine: ContextVar[_Snapshot | None] = ContextVar("snapshot", default=None)


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Whatever is read inside, by this thread and through `snapshots`, is of one moment."""
    snapshot = _Snapshot()
    before = _mine.set(snapshot)
    try:
        yield
    finally:
        _mine.reset(before)
        snapshot.end()


def snapshots(platform: Platform) -> Platform:
    """The same platform, which inside of `one_snapshot` opens one view."""

    def view() -> View:
        snapshot = _mine.get()
        return platform.view() if snapshot is None else snapshot.lent(platform.view)

    def work(actor: PrincipalId) -> UnitOfWork:
        if (snapshot := _mine.get()) is not None:
            snapshot.renew()
        return platform.work(actor)

    return replace(platform, view=view, work=work)
