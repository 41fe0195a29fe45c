"""Which profile a `deid` command uses, and its recognisers; from files alone: no database, no home, no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.deidentification import Profile, parse_profile
from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.names import PolicyName, policy_name

if TYPE_CHECKING:
    from tunewarden.steps.deidentify.detector import Detector


def profile_named(name: str) -> Profile:
    """A profile of the policies' folder by its name, or any file that ends in `.toml`.

    Raises `NotFound` and `Malformed`.
    """
    if not name.endswith(".toml"):
        return _of_policies(policy_name(name))
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(
            "profile_not_found", "The profile's file is not there, or is no text.", param="profile"
        ) from error
    return parse_profile(path.stem, text)


def detector_for(profile: Profile, models: Path | None, threads: int) -> Detector:
    """Its recognisers, loaded. Raises as `Detector` does."""
    from tunewarden.steps.deidentify.detector import Detector

    if threads < 1:
        raise Malformed("compute_out_of_range", "At least one thread reads.", param="threads")
    return Detector(profile, models=models, threads=threads)


def _of_policies(name: PolicyName) -> Profile:
    from tunewarden.drivers.policies import FilePolicies
    from tunewarden.entry.settings import Settings

    return from_plain(Profile, decode(FilePolicies(Settings().policies).profile(name)))
