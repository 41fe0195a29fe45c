"""What the steps of a request that has ended left in the scratch folder and nobody may use any more."""

from pathlib import Path

from tunewarden.entry.diagnostics import logger
from tunewarden.steps.train.places import remove_parts, requests_with_parts
from tunewarden.usecases.ports import Platform


def remove_ended(scratch: Path, platform: Platform) -> None:
    """Remove the models of learning curves of all requests that have ended, however they did, or that nobody knows.

    Done again and again, so that a crash or a withdrawal leaves them only until the next time. Where a folder cannot be
    removed, or nobody can see what is there, that is said, and it is tried again.
    """
    try:
        left = requests_with_parts(scratch)
    except OSError as error:
        logger.error("scratch_not_listed", error=type(error).__name__)
        return
    if not left:
        return
    with platform.view() as view:
        known = [view.requests.find(request) for request in left]
    for identifier, request in zip(left, known, strict=True):
        if request is None or request.terminal:
            try:
                remove_parts(scratch, identifier)
            except OSError as error:
                logger.error("scratch_not_removed", request=identifier, error=type(error).__name__)
