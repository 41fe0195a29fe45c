"""Everything put together, once: settings in, a platform and its pipeline out."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tunewarden.domain.names import PolicyName, policy_name
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.domain.training import StepName
from tunewarden.drivers import accounting
from tunewarden.drivers.access import CasbinAccess
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.envelopes import SealedEnvelopes
from tunewarden.drivers.keyfiles import load_key, load_or_create_key
from tunewarden.drivers.policies import FilePolicies
from tunewarden.drivers.release import KeyFileRelease, load_or_create_release_key, load_release_key
from tunewarden.drivers.sql import SqlClaims, SqlViews, SqlWork
from tunewarden.drivers.sql_cohorts import SqlEnrolments
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.drivers.tables import ingest
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.identifiers import new_id
from tunewarden.entry.settings import Settings
from tunewarden.steps.train.collation import COLLATOR
from tunewarden.usecases.jobs import Pipeline
from tunewarden.usecases.ports import Platform

if TYPE_CHECKING:
    from tunewarden.steps.deidentify.progress import Progress


def create_keys(settings: Settings) -> None:
    """Make the keys that are missing, each readable for its owner only. In production they must be there already."""
    for path in (settings.tenant_key, settings.vault_key, settings.blob_key):
        if settings.environment == "production":
            load_key(path)
        else:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            load_or_create_key(path)
    if settings.environment == "production":
        load_release_key(settings.release_key)
    else:
        load_or_create_release_key(settings.release_key)


def build(settings: Settings) -> Platform:
    """A platform over the settings' database, blobs and policies."""
    engine, blob_key = connect(settings.database), load_key(settings.blob_key)
    return Platform(
        work=SqlWork(engine, _now),
        view=SqlViews(engine),
        access=CasbinAccess(settings.policies / "access" / "model.conf", settings.policies / "access" / "policy.csv"),
        blobs=DirectoryBlobs(settings.blob_directory, blob_key),
        clock=_now,
        claims=SqlClaims(engine),
        policies=FilePolicies(settings.policies),
        ingest=ingest,
        accountant=accounting.epsilon,
        calibrate=accounting.calibrate,
        log=SqlSealedLog(engine),
        new_id=new_id,
        envelopes=SealedEnvelopes(blob_key),
        training_gate=policy_name(settings.training_gate),
        collator=COLLATOR,
    )


def with_release(settings: Settings, platform: Platform) -> Platform:
    """The platform of a process that signs releases: the worker's, and no other's."""
    return replace(platform, release=KeyFileRelease(settings.release_key))


def with_persons(settings: Settings, platform: Platform) -> Platform:
    """The platform of a process that knows which pseudonym is whose, and admits them: the worker's, and no other's."""
    known = partial(pseudonym, load_key(settings.tenant_key))
    return replace(platform, pseudonyms=known, enrolments=SqlEnrolments(connect(settings.database)))


def with_samples(platform: Platform) -> Platform:
    """The platform of a process that draws samples for people to read: the worker's, which reads records anyway."""
    from tunewarden.steps.deidentify.samples import Samples

    return replace(platform, draw=Samples(platform.blobs))


def pipeline(settings: Settings, platform: Platform) -> Pipeline:
    """The steps. Only here are the heavy libraries imported, so that the api starts quickly and stays small."""
    from tunewarden.drivers.vault import SqlVault
    from tunewarden.steps.deidentify.finding import Build
    from tunewarden.steps.deidentify.scale import Compute as Finding
    from tunewarden.steps.deidentify.step import DeidentifyStep
    from tunewarden.steps.measure.step import MeasureStep
    from tunewarden.steps.train.base_model import BaseSource, locate
    from tunewarden.steps.train.compute import Compute
    from tunewarden.steps.train.driver import TrainStep

    policies = FilePolicies(settings.policies)

    def directory(name: PolicyName) -> Path:
        source, revision = policies.base_source(name)
        return locate(BaseSource(source=source, revision=revision), allow_hub=settings.allow_hub)

    compute = Compute(
        workers=settings.training_workers,
        threads=settings.training_threads,
        micro_batch_rows=settings.micro_batch_rows,
        charge_every=settings.charge_every_updates,
    )
    return {
        StepName.DEIDENTIFY: DeidentifyStep(
            platform.blobs,
            load_key(settings.tenant_key),
            vault=SqlVault(connect(settings.database), load_key(settings.vault_key)),
            scratch=settings.scratch_directory.absolute(),
            open_blobs=OpenBlobs(settings.blob_directory.absolute(), settings.blob_key.absolute()),
            build=Build(models=settings.recognisers),
            # Never on a cluster: raw records do not leave this machine.
            compute=Finding(workers=settings.deidentify_workers),
            tell=_tell,
        ),
        StepName.TRAIN: TrainStep(
            platform.blobs,
            locate=directory,
            scratch=settings.scratch_directory,
            accountant=platform.accountant,
            reported=accounting.epsilon_pld,
            compute=compute,
            ray_address=settings.ray_address,
        ),
        StepName.MEASURE: MeasureStep(platform.blobs, directory, platform.accountant),
    }


@dataclass(frozen=True, slots=True)
class OpenBlobs:
    """Opens the blobs in whatever process it is called. It travels there, so it knows where the key lies, no more."""

    directory: Path
    key_file: Path

    def __call__(self) -> DirectoryBlobs:
        return DirectoryBlobs(self.directory, load_key(self.key_file))


def _tell(progress: "Progress") -> None:
    logger.info(
        "deidentifying",
        stage=progress.stage,
        records=progress.records,
        of=progress.of,
        records_per_second=round(progress.records_per_second, 1),
        seconds_left=None if progress.seconds_left is None else round(progress.seconds_left),
    )


def _now() -> datetime:
    return datetime.now(UTC)
