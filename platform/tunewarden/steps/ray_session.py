"""A Ray session for one step: the one that is there, the cluster of the settings, or a local one just for it."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray._private import ray_constants

from tunewarden.domain.errors import Unavailable

_LOOPBACK = "127.0.0.1"
_PROCESSORS = 2
_LEAST_STORE_BYTES = 128 * 1024**2


@contextmanager
def ray_session(address: str, needed_bytes: int, processors: int = _PROCESSORS) -> Iterator[None]:
    """Inside it Ray is connected; what it started it also ends.

    An empty `address` starts Ray on this machine, reachable from this machine only, with `processors` to share out
    and room for `needed_bytes` of training data. Ending it matters: the processes of a local Ray die with the thread
    that started it, so it could not be kept for a later training in another thread.

    Raises `Unavailable` where Ray does not start or the cluster does not answer.
    """
    if ray.is_initialized():
        yield
        return
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report its use to its makers, and reads only this variable
    if not address:
        os.environ["GLOO_SOCKET_IFNAME"] = _loopback()  # else workers listen to each other at the machine's own address
    try:
        _start(address, needed_bytes, processors)
    except Exception as error:  # Ray raises a bare one where its processes do not start within its 30 seconds
        ray.shutdown()
        raise Unavailable(
            "workers_not_started",
            f"Ray did not start or could not be reached ({type(error).__name__}).",
            remedy="Try again when the machine is less busy; or see in Ray's own log why its processes ended.",
            who="administrator",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _loopback() -> str:
    """The name of the network interface that leads to this machine only."""
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))


def _start(address: str, needed_bytes: int, processors: int) -> None:
    if address:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        return
    store = max(_LEAST_STORE_BYTES, 4 * needed_bytes)
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    with _on_loopback():
        ray.init(num_cpus=processors, object_store_memory=store, _node_ip_address=_LOOPBACK, **quiet)


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Inside it Ray takes the loopback address for the machine's own, as it does on macOS and Windows.

    Elsewhere it takes an asked-for 127.0.0.1 for an oversight, and listens where the whole network can reach it. There
    is no public way to say that it is meant.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
