"""Access decisions: Casbin judges, over a policy that was checked whole before it was let in.

Trusted: the two policy files. `access_files.py` reads them, `access_live.py` sees that they changed,
`access_snapshot.py` decides by one version of them, and `access_model.py` has all that is used of Casbin.
"""

import time
from collections.abc import Callable, Collection
from pathlib import Path

from tunewarden.domain.access import HARD_DENIES, Rule
from tunewarden.drivers.access_files import PolicyFiles
from tunewarden.drivers.access_live import Alarm, LiveAccess


class CasbinAccess(LiveAccess):
    """Decides what a principal may do, by the files of a folder; `usecases.ports.Access`."""

    def __init__(
        self,
        model_path: Path,
        policy_path: Path,
        *,
        demanded: Collection[Rule] = HARD_DENIES,
        alarm: Alarm = lambda _what, _code: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises `Malformed` for a file that is missing or not fully understood."""
        files = PolicyFiles(model=model_path, policy=policy_path, demanded=demanded)
        super().__init__(files, alarm=alarm, clock=clock)
