"""Who is told of signed heads, as the settings say: witnesses, and a time stamp authority."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tunewarden.domain.errors import Refused, Unavailable
from tunewarden.drivers import sql_sealing
from tunewarden.drivers.posting import HttpPost, Post
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.drivers.timestamps import read_roots, time_stamp
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.followers import Follow, Follower, Rest
from tunewarden.entry.settings import Settings
from tunewarden.entry.witnessing import WitnessAddress, WitnessClient, read_witnesses, showing_to
from tunewarden_audit.custody import replace_file
from tunewarden_audit.log import Signed

_AGAIN_SECONDS = 60.0  # after a time stamp that was not to be had


@contextmanager
def audience(settings: Settings) -> Iterator[list[Follower]]:
    """Everybody to be told, until it is left. Raises `Malformed` or `Refused` for settings that cannot be used."""
    with ExitStack() as stack:
        followers = []
        for name, follow in _follows(settings, stack):
            follower = Follower(name, follow)
            stack.callback(follower.close)
            followers.append(follower)
        yield followers


def _follows(settings: Settings, stack: ExitStack) -> Iterator[tuple[str, Follow]]:
    for address in read_witnesses(settings.witnesses):
        yield f"witness {address.key.name}", _witness(settings, address, _post(stack))
    if settings.timestamp_url:
        yield "time stamps", _anchoring(settings, _post(stack))


def _post(stack: ExitStack) -> HttpPost:
    post = HttpPost()
    stack.callback(post.close)
    return post


def _witness(settings: Settings, address: WitnessAddress, post: Post) -> Follow:
    engine = connect(settings.database)

    def keep(size: int, root: bytes, line: str) -> None:
        sql_sealing.add_cosignature(engine, size, root, line)

    client = WitnessClient(address, post, SqlSealedLog(engine).consistency_proof, keep)
    return showing_to(client, address.key.name)


def _anchoring(settings: Settings, post: Post) -> Follow:
    if settings.timestamp_root_file is None:
        raise Refused(
            "timestamp_root_missing",
            "A time stamp authority is named, but not the certificate that its tokens are verified with.",
            remedy="Set timestamp_root_file.",
            who="administrator",
        )
    roots, folder = read_roots(settings.timestamp_root_file), settings.anchors_directory

    def follow(head: Signed) -> Rest:
        token = folder / f"{head.size:020d}.tsr"
        if token.exists():  # the earliest time is the strongest statement
            return Rest(settings.heartbeat_seconds)
        try:
            stamped = time_stamp(post, settings.timestamp_url, roots, head.checkpoint.encode())
        except Unavailable as problem:
            logger.warning("head_not_time_stamped", size=head.size, reason=str(problem))
            return Rest(_AGAIN_SECONDS, again=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        replace_file(token.with_suffix(".checkpoint"), head.checkpoint.encode())
        replace_file(token, stamped)
        return Rest(settings.heartbeat_seconds)

    return follow
