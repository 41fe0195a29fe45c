"""Everything put together, once: settings in, a platform and its pipeline out."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tunewarden.domain.names import PolicyName, policy_name
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.domain.training import StepName
from tunewarden.drivers import accounting
from tunewarden.drivers.access_files import PolicyFiles
from tunewarden.drivers.access_live import LiveAccess
from tunewarden.drivers.attributes import SealedAttributes
from tunewarden.drivers.blob_keys import BlobKeys
from tunewarden.drivers.blob_rotation import handles
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.envelopes import SealedEnvelopes
from tunewarden.drivers.keys_file import KeyFile
from tunewarden.drivers.keys_kms import kms_named
from tunewarden.drivers.policies import FilePolicies
from tunewarden.drivers.release import KeyFileRelease, load_or_create_release_key, load_release_key
from tunewarden.drivers.sealed_rows import SealedRows
from tunewarden.drivers.sql import SqlClaims, SqlViews, SqlWork
from tunewarden.drivers.sql_attributes import SqlAttributeRows
from tunewarden.drivers.sql_cohorts import SqlEnrolments
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.drivers.stored_policies import StoredEngine, StoredPolicies
from tunewarden.drivers.tables import ingest
from tunewarden.drivers.vault import SqlVault
from tunewarden.entry import key_files
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.identifiers import new_id
from tunewarden.entry.settings import Settings
from tunewarden.steps.train.collation import COLLATOR
from tunewarden.usecases import policies
from tunewarden.usecases.binding import bound
from tunewarden.usecases.counting import put_in_force
from tunewarden.usecases.custody import Lent
from tunewarden.usecases.jobs import Pipeline
from tunewarden.usecases.ports import Platform

if TYPE_CHECKING:
    from tunewarden.steps.deidentify.progress import Progress
    from tunewarden.steps.deidentify.stated import Effort
    from tunewarden.steps.measure.extent import Extent


def create_keys(settings: Settings) -> None:
    """Make the keys that are missing, each readable for its owner only. In production they must be there already."""
    key_files.create(settings)
    if settings.environment == "production":
        load_release_key(settings.release_key)
    else:
        load_or_create_release_key(settings.release_key)


def build(settings: Settings) -> Platform:
    """A platform over the settings' database, blobs and policies."""
    engine, blob_keys = connect(settings.database), key_files.blob_keys(settings)
    vault = SqlVault(engine, key_files.master(settings, key_files.MASTER))
    blobs = DirectoryBlobs(settings.blob_directory, blob_keys, vault)
    work, view, model = SqlWork(engine, _now), SqlViews(engine), settings.policies / "access" / "model.conf"
    shipped = PolicyFiles(model=model, policy=settings.policies / "access" / "policy.csv")
    policies.install(work, view, _now, new_id, lambda: shipped.read().compiled.policy)
    files = FilePolicies(settings.policies)
    put_in_force(work, view, files.quorum())
    live = LiveAccess(StoredPolicies(view=view, model=model), alarm=_alarm)
    return Platform(
        work=work,
        view=view,
        access=bound(live),
        engine=StoredEngine(live=live, model=model),
        blobs=blobs,
        rows=SealedRows(blobs, vault, handles(engine, vault, blob_keys())),
        clock=_now,
        claims=SqlClaims(engine),
        policies=files,
        ingest=ingest,
        accountant=accounting.epsilon,
        calibrate=accounting.calibrate,
        log=SqlSealedLog(engine),
        new_id=new_id,
        envelopes=SealedEnvelopes(blob_keys),
        training_gate=policy_name(settings.training_gate),
        collator=COLLATOR,
    )


def with_release(settings: Settings, platform: Platform) -> Platform:
    """The platform of a process that signs releases: the worker's, and no other's."""
    return replace(platform, release=KeyFileRelease(settings.release_key))


def with_persons(settings: Settings, platform: Platform) -> Platform:
    """The platform of a process that knows persons by their pseudonyms: the worker's, and no other's.

    It admits them, and has the keys of what is protected of them.
    """
    known = partial(pseudonym, key_files.secret(settings, key_files.TENANT))
    engine = connect(settings.database)
    vault = SqlVault(engine, key_files.master(settings, key_files.VAULT))
    apart = SealedAttributes(SqlAttributeRows(engine), vault)
    return replace(platform, pseudonyms=known, enrolments=SqlEnrolments(engine), attributes=apart)


def with_samples(platform: Platform) -> Platform:
    """The platform of a process that draws samples for people to read: the worker's, which reads records anyway."""
    from tunewarden.steps.deidentify.samples import Samples

    return replace(platform, draw=Samples(platform.blobs))


def pipeline(
    settings: Settings,
    platform: Platform,
    *,
    effort: "Effort | None" = None,
    extent: "Extent | None" = None,
    explained_texts: int | None = None,
) -> Pipeline:
    """The steps. Only here are the heavy libraries imported, so that the api starts quickly and stays small.

    `effort`, `extent` and `explained_texts` say how much evidence is made. No setting does, so that nobody who runs a
    platform makes less of it; each is part of the identity of its step, which the evidence names.
    """
    from tunewarden.steps.deidentify.finding import Build
    from tunewarden.steps.deidentify.scale import Compute as Finding
    from tunewarden.steps.deidentify.step import DeidentifyStep
    from tunewarden.steps.measure.step import EXPLAINED_TEXTS, EXTENT, MeasureStep
    from tunewarden.steps.train.base_model import BaseSource, locate
    from tunewarden.steps.train.compute import Compute
    from tunewarden.steps.train.driver import TrainStep

    files = FilePolicies(settings.policies)

    def directory(name: PolicyName) -> Path:
        source, revision = files.base_source(name)
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
            key_files.secret(settings, key_files.TENANT),
            vault=SqlVault(connect(settings.database), key_files.master(settings, key_files.VAULT)),
            scratch=settings.scratch_directory.absolute(),
            open_blobs=OpenBlobs(
                settings.blob_directory.absolute(),
                settings.blob_key.absolute(),
                kms=settings.kms,
                kms_token_file=settings.kms_token_file,
            ),
            rows=platform.rows,
            build=Build(models=settings.recognisers),
            # Never on a cluster: raw records do not leave this machine.
            compute=Finding(workers=settings.deidentify_workers),
            effort=effort,
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
        StepName.MEASURE: MeasureStep(
            platform.blobs,
            directory,
            platform.accountant,
            explained_texts=EXPLAINED_TEXTS if explained_texts is None else explained_texts,
            extent=EXTENT if extent is None else extent,
            scratch=settings.scratch_directory,
        ),
    }


@dataclass(frozen=True, slots=True)
class OpenBlobs:
    """Opens the blobs in whatever process it is called. It travels there, so it knows where the key lies, no more.

    `lent` are the keys of a step under way: they die with it, and this is not to be stored.
    """

    directory: Path
    key_file: Path
    kms: str = ""
    kms_token_file: Path | None = None
    lent: Lent = field(default_factory=dict, repr=False)

    def __call__(self) -> DirectoryBlobs:
        kms = kms_named(self.kms, self.kms_token_file)
        keys = BlobKeys(KeyFile(path=self.key_file, purpose=key_files.BLOBS, kms=kms))
        return DirectoryBlobs(self.directory, keys, lent=self.lent)

    def lending(self, lent: Lent) -> "OpenBlobs":
        """The same, which can also read what these keys seal."""
        return replace(self, lent=lent)


def _tell(progress: "Progress") -> None:
    logger.info(
        "deidentifying",
        stage=progress.stage,
        records=progress.records,
        of=progress.of,
        records_per_second=round(progress.records_per_second, 1),
        seconds_left=None if progress.seconds_left is None else round(progress.seconds_left),
    )


def _alarm(what: str, code: str) -> None:
    """Somebody must look: a decision broke, or a policy that is stored is not decided by. Codes only."""
    logger.error("access_alarm", what=what, code=code)


def _now() -> datetime:
    return datetime.now(UTC)
