"""What changes speed and memory only; it may differ from attempt to attempt and is in no plan."""

from dataclasses import dataclass

from tunewarden.domain.errors import Malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """How one training is carried out.

    Attributes:
        workers: Ray Train workers; only 1 for now.
        threads: processor threads of a worker.
        micro_batch_rows: how many rows are computed at once.
        persons_at_once: how many persons' gradients are held at once, 4 bytes for each trained number of each person.
        charge_every: how many updates are paid for at once; as many are lost, and paid again, when a worker dies.
    """

    workers: int = 1
    threads: int = 2
    micro_batch_rows: int = 64
    persons_at_once: int = 256
    charge_every: int = 8

    def __post_init__(self) -> None:
        if self.workers != 1:
            raise Malformed("workers_out_of_range", f"{self.workers} workers; one is supported.", param="workers")
        if min(self.threads, self.micro_batch_rows, self.persons_at_once, self.charge_every) < 1:
            raise Malformed("compute_out_of_range", "Every count of the compute settings is at least 1.")
