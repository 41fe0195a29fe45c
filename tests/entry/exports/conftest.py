"""A whole story on the in-memory drivers, its release signed with a key from a file, sealed, and handed over."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.conftest import POLICIES, Stage
from tests.entry.report.conftest import Told, tell

from tunewarden.domain.events import ModelRegistered
from tunewarden.drivers.memory import MemorySealedLog
from tunewarden.drivers.release import KeyFileRelease, load_or_create_release_key
from tunewarden.entry.bundle import bundle
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import SignedTreeHead
from tunewarden_audit.bundle import read_bundle
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import SignerKey, TreeHead, VerifierKey, sign_note


@dataclass(slots=True)
class Handed:
    """What the auditor gets, and who made it."""

    told: Told
    settings: Settings
    key: SignerKey
    tree: Tree

    def bundle(self, *since: int) -> bytes:
        """The evidence bundle as the api answers with it."""
        return bundle(self.told.stage.platform, self.told.lineage(), self.settings, since)

    def files(self) -> dict[str, bytes]:
        return read_bundle(self.bundle())

    def adapter(self) -> bytes:
        """The file that the attestations are about; it is not in the bundle."""
        made = self.told.lineage().report.model.event
        assert isinstance(made, ModelRegistered)
        return self.told.stage.blobs.read(made.adapter)

    @property
    def verifier(self) -> VerifierKey:
        return self.key.verifier


@pytest.fixture
def told(stage: Stage, tmp_path: Path) -> Told:
    load_or_create_release_key(tmp_path / "release.key")
    stage.platform = replace(stage.platform, release=KeyFileRelease(tmp_path / "release.key"))
    return tell(stage)


@pytest.fixture
def handed(told: Told, tmp_path: Path) -> Handed:
    settings = Settings(home=tmp_path, policies=POLICIES, origin="log.example.org/tunewarden")
    key = SignerKey.generate(settings.origin)
    settings.log_vkey.write_text(f"{key.verifier.vkey}\n")
    log = told.stage.platform.log
    assert isinstance(log, MemorySealedLog)
    tree = Tree(leaf_hash(log.entry(entry.index)) for entry in told.stage.entries())
    head = TreeHead(key.name, tree.size, tree.root())
    log.signed = SignedTreeHead(size=tree.size, note=sign_note(head.text(), key))
    return Handed(told, settings, key, tree)
