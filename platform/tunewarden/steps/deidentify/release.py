"""Records in, de-identified records out: streamed, so that memory does not grow with their number.

What is found in one text is looked for in every text of the same person, and what was transformed in one may stand in
none of that person's. So the records are read several times, and between the readings what is known of a person lies
sealed on disk (`carried`). Finding, which takes nearly all of the time, is done in blocks (`finding`, `scale`).
"""

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.blocks import Blocks
from tunewarden.steps.deidentify.carried import Carried
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.finding import found_in
from tunewarden.steps.deidentify.passing import Job, Passing, Released, Witnesses
from tunewarden.steps.deidentify.residual import CLOSER
from tunewarden.steps.deidentify.scale import Means, find_all
from tunewarden.steps.deidentify.source import source_record
from tunewarden.steps.records import Manifest, store_lines
from tunewarden.usecases.attribute_doors import Keep
from tunewarden.usecases.ports import Blobs


def release(
    job: Job, deidentifier: Deidentifier, means: Means, witnesses: Witnesses, keep: Keep | None = None
) -> tuple[Manifest, Released]:
    """Write every record of the job's source, de-identified and under a pseudonym, and say what was done.

    Protected attributes go to `keep`, those of records that are measured on and no others. Where it is None, all are
    written beside the records, sealed as they are: for a table on the command line, which has these columns anyway.

    1. Check every record; nothing is read by a model before all of them are sound.
    2. Find candidates, block by block: in parallel where there is much.
    3. Gather what each text says about its person.
    4. Settle, transform, write. A person whose key was destroyed is left out, with all their records. Where the profile
       asks for k, everything is transformed once before, to see which attributes have to give way.
    5. Read what was written once more, more closely.

    A repeat goes on where the last attempt was and writes the same bytes. Raises `Malformed` for a text that is too
    long, `Refused` for one that takes too long or where nobody is left, `NotFound` and `Corrupted` for blobs that are
    not there or not what they were, `FindingInterrupted`.
    """
    blocks = _source_blocks(means.blobs, job.source)  # 1
    work = job.finding(job.source, 1.0)
    find_all(work, blocks, means, "find")  # 2
    with Carried(job.scratch) as carried:
        passing = Passing(job, deidentifier, means.blobs, blocks, work.journal(), carried)
        passing.gather()  # 3
        if deidentifier.profile.k:
            passing.enforce(deidentifier.profile.k)
        records = store_lines(means.blobs, passing.cleaned(witnesses))  # 4
        protected = None if keep is not None else store_lines(means.blobs, passing.protected())
        replaced = store_lines(means.blobs, passing.replaced())
        budget = store_lines(means.blobs, passing.budgets())
        passing.require_somebody()
        if keep is not None:
            keep(passing.apart())
        again = job.finding(records.digest, CLOSER)  # 5
        clean_blocks = _clean_blocks(means.blobs, records.digest)
        find_all(again, clean_blocks, means, "rescan")
        for looked in passing.looked(records.digest, found_in(clean_blocks, again.journal())):
            witnesses.looked(looked)
        released = passing.counted
        released.persons = carried.persons
    manifest = Manifest(
        records=records.digest,
        root=records.root,
        protected=None if protected is None else protected.digest,
        protected_root=None if protected is None else protected.root,
        profile=deidentifier.profile.digest(),
        detector=job.detector,
        source=job.source,
        rows=records.count,
        persons=released.persons,
        classes=job.classes,
        erased=released.erased,
        replaced=replaced.digest,
        replaced_root=replaced.root,
        budget=budget.digest,
        budget_root=budget.root,
    )
    return manifest, released


def _source_blocks(blobs: Blobs, digest: Digest) -> Blocks:
    with blobs.open(digest) as stream:
        blocks = Blocks(stream, source_record)
    if not blocks.records:
        raise Corrupted("records_empty", "The dataset version has no records.")
    return blocks


def _clean_blocks(blobs: Blobs, digest: Digest) -> Blocks:
    with blobs.open(digest) as stream:
        return Blocks(stream, lambda _index, _line: None)
