"""Blocks done by one process, or by several on Ray Data.

Through Ray's object store go numbers of blocks and, the other way, numbers of blocks that are done. Every worker opens
the blob itself and writes what it found into the journal itself, so no text and nothing about one is in Ray's hands,
and a block that is done is not done again when its worker dies afterwards.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from tunewarden.domain import errors
from tunewarden.domain.errors import Malformed, TunewardenError
from tunewarden.steps.deidentify.blocks import Block, Blocks
from tunewarden.steps.deidentify.finding import Build, Finding, Finds, OpenBlobs, find_block, undone
from tunewarden.steps.deidentify.progress import Stopwatch, Tell
from tunewarden.steps.ray_session import ray_session
from tunewarden.usecases.ports import Blobs

_MOST_BEGINNINGS = 3  # Ray starts dead workers again without end; a block that kills them all has to end somewhere
_MOST_TOGETHER, _TURNS = 4, 8  # handing a block over takes time: up to 4 at once, as long as each worker has 8 turns
_STORE_BYTES = 0  # what Ray's object store has to hold beside its least size: numbers only


class FindingInterrupted(Exception):
    """Ray workers stopped for reasons of their own, several times on one block. Another attempt goes on from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """How finding is carried out: it changes speed only, and is in no plan.

    Attributes:
        workers: processes that find, each on a processor of its own.
        ray_address: of a cluster; empty starts Ray on this machine. The workers have to reach blobs and scratch folder.
        few_blocks: so many blocks or fewer are done in this process, without Ray.
    """

    workers: int = 2
    ray_address: str = ""
    few_blocks: int = 16

    def __post_init__(self) -> None:
        if self.workers < 1 or self.few_blocks < 0:
            raise Malformed("compute_out_of_range", "At least one worker finds.", param="workers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What finding is done with: here, or wherever `open_blobs` and `build` are called."""

    blobs: Blobs
    detector: Finds
    open_blobs: OpenBlobs | None
    build: Build
    compute: Compute
    tell: Tell


def find_all(work: Finding, blocks: Blocks, means: Means, stage: str) -> None:
    """Fill the journal of `work`. Returns when every block is done, whoever did it.

    Raises what the detector raises, and `FindingInterrupted`. Without `open_blobs` nobody but this process can do it.
    """
    todo = undone(blocks, work.journal())
    before = blocks.records - sum(blocks[number].records for number in todo)
    watch = Stopwatch(stage, blocks.records, before, means.tell)
    many = len(todo) > means.compute.few_blocks and means.compute.workers > 1 and means.open_blobs is not None
    for number in (_on_ray if many else _here)(work, blocks, todo, means):
        watch.add(blocks[number].records)


def _here(work: Finding, blocks: Blocks, todo: Sequence[int], means: Means) -> Iterator[int]:
    journal = work.journal()
    with means.blobs.open(work.blob) as stream:
        for number in todo:
            find_block(stream, blocks[number], means.detector, work, journal)
            yield number


def _on_ray(work: Finding, blocks: Blocks, todo: Sequence[int], means: Means) -> Iterator[int]:
    from ray.data import ActorPoolStrategy, DataContext, from_items

    compute = means.compute
    work.journal().nobody_began()
    with ray_session(compute.ray_address, _STORE_BYTES, compute.workers):
        DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # it would tell of every step on standard error
        shared = shared_out(len(todo), compute.workers)
        numbers = [{"block": number} for number in todo]
        rows = from_items(numbers, override_num_blocks=shared.turns).map_batches(
            _Worker,
            batch_size=1,
            batch_format="numpy",
            fn_constructor_args=[work, blocks, means.open_blobs, means.build],
            compute=ActorPoolStrategy(size=shared.workers, max_tasks_in_flight_per_actor=4),
            num_cpus=1,
        )
        yield from _answers(rows.iter_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """How many workers there are, and how often a worker is handed blocks, all workers together."""

    workers: int
    turns: int


def shared_out(blocks: int, workers: int) -> Shared:
    """How so many blocks, one at least, are shared out: no worker is started that could have nothing to do."""
    together = max(1, min(_MOST_TOGETHER, blocks // (_TURNS * workers)))
    turns = -(-blocks // together)
    return Shared(workers=min(workers, turns), turns=turns)


def _answers(rows: Callable[[], Iterator[dict[str, Any]]]) -> Iterator[int]:
    died = ""
    try:
        for row in rows():
            if row["failure"]:
                raise _error(row["failure"])
            yield int(row["block"])
    except ray.exceptions.RayError as error:
        died = type(error).__name__
    if died:
        # Not chained: what a library says about a failure may quote what it was working on.
        raise FindingInterrupted(f"The workers stopped ({died}).")


class _Worker:
    """One process of the pool: its own blobs, its own detector."""

    def __init__(self, work: Finding, blocks: Blocks, open_blobs: OpenBlobs, build: Build) -> None:
        self._work, self._blocks = work, blocks
        self._journal = work.journal()
        self._open_blobs, self._build = open_blobs, build
        self._do: Callable[[Block], None] | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Numbers of blocks in; the same numbers out, each with why it could not be done."""
        numbers = [int(number) for number in batch["block"]]
        return {"block": np.array(numbers), "failure": np.array([self._try(number) for number in numbers])}

    def _try(self, number: int) -> str:
        try:
            if self._journal.get(number) is not None:
                return ""  # by a worker that died on one of those it had been given together with this one
            if self._do is None:
                self._do = self._ready()
            if self._journal.begin(number) > _MOST_BEGINNINGS:
                raise _deadly(self._blocks[number])
            self._do(self._blocks[number])
        except TunewardenError as error:
            return _told(error)
        except Exception as error:  # its text may quote a record, and Ray would print it
            return _told(errors.Unavailable("finding_failed", f"A worker failed ({type(error).__name__})."))
        return ""

    def _ready(self) -> Callable[[Block], None]:
        stream = self._open_blobs().open(self._work.blob)
        detector = self._build.detector(self._work.profile)
        return lambda block: find_block(stream, block, detector, self._work, self._journal)


def _deadly(block: Block) -> errors.Unavailable:
    return errors.Unavailable(
        "block_kills_workers",
        f"Worker after worker died on one of the records {block.first} to {block.first + block.records - 1} "
        "(counted from 0).",
        remedy="Give the workers more memory, or leave the longest of these records out.",
        who="administrator",
    )


def _told(error: TunewardenError) -> str:
    """One of our errors as text; an exception itself would lose its parts in Ray's envelope."""
    parts = (type(error).__name__, error.code, error.reason, error.remedy, error.who, error.param)
    return json.dumps(parts)


def _error(told: str) -> TunewardenError:
    kind, code, reason, remedy, who, param = json.loads(told)
    made: type[TunewardenError] = getattr(errors, kind)
    return made(code, reason, remedy=remedy, who=who, param=param)
