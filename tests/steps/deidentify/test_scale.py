"""Finding by one process and by several: the same bytes, no block twice, and nothing of a text on the way."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from hypothesis import given, strategies as st
from presidio_analyzer import EntityRecognizer

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Malformed, Refused, TunewardenError, Unavailable
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.steps.deidentify import scale
from tunewarden.steps.deidentify.blocks import Blocks, Journal
from tunewarden.steps.deidentify.finding import Build, Finding, Finds, find_block, finding, found_in, undone
from tunewarden.steps.deidentify.progress import Progress, tell_nobody
from tunewarden.steps.deidentify.recognisers import LANGUAGE, recognisers
from tunewarden.steps.deidentify.scale import Compute, Means, find_all, shared_out
from tunewarden.steps.deidentify.spans import Span

# Ray Data makes a default context, and that warns of settings nobody here has touched.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")

KEY = bytes(range(32))
CANARY = "Zebediah Canarybird"
PROFILE = encode(
    to_plain(
        Profile(
            name=PolicyName("test"),
            method=Method.NONE,
            languages=("en",),
            threshold=Decimal("0.4"),
            engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.5")),
            operators={},
            default=Operator.REPLACE,
        )
    )
)


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """Opens the blobs of a test in whatever process."""

    root: Path

    def __call__(self) -> DirectoryBlobs:
        return DirectoryBlobs(self.root, KEY)


@dataclass(slots=True)
class Everything:
    """Finds every text whole; remembers what it was given."""

    given: list[str] = field(default_factory=list)
    refuses: str = ""

    def find(self, texts: Sequence[str], *, scale: float = 1.0) -> list[list[Span]]:
        if self.refuses and any(self.refuses in text for text in texts):
            raise Refused("text_takes_too_long", "A pattern took too long on a text.", remedy="Leave it out.")
        self.given += texts
        return [[Span(start=0, end=len(text), entity=EntityType.NAME, score=scale / 3)] for text in texts]


@dataclass
class House:
    """Texts in a folder of blobs, and the work of finding in them."""

    root: Path
    texts: list[str]

    def __post_init__(self) -> None:
        self.blobs = DirectoryBlobs(self.root / "blobs", KEY)
        self.blob = self.blobs.put_bytes(b"".join(encode({"text": text}) + b"\n" for text in self.texts))
        with self.blobs.open(self.blob) as stream:
            self.blocks = Blocks(stream, lambda _index, _line: None)

    def work(self, scratch: str = "scratch", scale: float = 1.0, detector: Digest | None = None) -> Finding:
        return finding(
            self.blob,
            profile=PROFILE,
            detector=detector or digest_of("detector"),
            scale=scale,
            scratch=self.root / scratch,
            secret=KEY,
        )

    def means(self, detector: Finds | None = None, compute: Compute | None = None, build: Build | None = None) -> Means:
        build = build or Build()
        return Means(
            blobs=self.blobs,
            detector=detector or build.detector(PROFILE),
            open_blobs=OpenFolder(self.root / "blobs"),
            build=build,
            compute=compute or Compute(workers=1),
            tell=tell_nobody,
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(
        tmp_path, [f"Seen 3/{1 + n % 12}/2019, MRN 00{n:05}-7. {CANARY} {'x' * (n % 400)}" for n in range(1500)]
    )


def test_what_was_found_comes_back_as_it_was_in_the_order_of_the_records(house: House) -> None:
    detector, work = Everything(), house.work(scale=0.5)
    find_all(work, house.blocks, house.means(detector), "find")
    assert detector.given == house.texts
    found = list(found_in(house.blocks, work.journal()))
    assert found == Everything().find(house.texts, scale=0.5)


def test_a_block_that_is_done_is_not_done_again(house: House) -> None:
    work, journal = house.work(), house.work().journal()
    find_all(work, house.blocks, house.means(Everything()), "find")
    (journal_folder,) = (house.root / "scratch").iterdir()
    (journal_folder / "2").unlink()
    assert undone(house.blocks, journal) == [2]
    again = Everything()
    find_all(work, house.blocks, house.means(again), "find")
    assert again.given == house.texts[512:768]


def test_a_worker_that_is_handed_a_finished_block_does_not_read_it_again(house: House) -> None:
    work, detector = house.work(), Everything()
    for _ in range(2):
        with house.blobs.open(work.blob) as stream:
            find_block(stream, house.blocks[1], detector, work, work.journal())
    assert detector.given == house.texts[256:512]


def test_other_work_has_another_journal(house: House) -> None:
    names = {house.work().name(), house.work(scale=0.5).name(), house.work(detector=digest_of("other")).name()}
    assert len(names | {replace(house.work(), blob=digest_of("b")).name()}) == 4
    find_all(house.work(), house.blocks, house.means(Everything()), "find")
    assert len(undone(house.blocks, house.work(scale=0.5).journal())) == len(house.blocks)


def test_the_journal_holds_no_word_and_the_work_no_key_in_its_repr(house: House) -> None:
    work = house.work()
    find_all(work, house.blocks, house.means(Everything()), "find")
    (folder,) = (house.root / "scratch").iterdir()
    made = Journal(folder, work.key).made(0)
    assert b"Zebediah" not in made
    assert work.key.hex() not in repr(work)
    assert repr(work.key) not in repr(work)


def test_a_text_that_takes_too_long_is_named_by_its_index_and_never_repeated(house: House) -> None:
    with pytest.raises(Refused) as refused:
        find_all(house.work(), house.blocks, house.means(Everything(refuses="MRN 0000300-7")), "find")
    assert refused.value.code == "text_takes_too_long"
    assert "Record 300 " in refused.value.reason
    assert "Zebediah" not in str(refused.value)


def test_progress_counts_what_an_earlier_attempt_did(house: House) -> None:
    find_all(house.work(), house.blocks, house.means(Everything()), "find")
    (journal_folder,) = (house.root / "scratch").iterdir()
    (journal_folder / "2").unlink()
    told: list[Progress] = []
    find_all(house.work(), house.blocks, replace(house.means(Everything()), tell=told.append), "find")
    assert [(each.stage, each.records, each.of) for each in told] == [("find", 1500, 1500)]


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"few_blocks": -1}])
def test_compute_settings_that_cannot_be_are_malformed(wrong: dict[str, int]) -> None:
    with pytest.raises(Malformed):
        Compute(**wrong)


def test_few_blocks_and_one_worker_and_closed_blobs_stay_in_this_process(house: House) -> None:
    for number, means in enumerate(
        [
            house.means(Everything(), Compute(workers=2, few_blocks=99)),
            house.means(Everything(), Compute(workers=1, few_blocks=0)),
            replace(house.means(Everything(), Compute(workers=2, few_blocks=0)), open_blobs=None),
        ]
    ):
        find_all(house.work(f"scratch-{number}"), house.blocks, means, "find")
        assert isinstance(means.detector, Everything)
        assert len(means.detector.given) == 1500


@given(blocks=st.integers(1, 5_000), workers=st.integers(1, 64))
def test_no_worker_is_started_that_could_have_nothing_to_do_and_none_that_has_is_missing(
    blocks: int, workers: int
) -> None:
    """Ray Data warns of workers that it has nothing for, and a warning ends the step where warnings are errors."""
    shared = shared_out(blocks, workers)
    assert shared.workers == min(workers, blocks)
    assert shared.workers <= shared.turns <= blocks <= 4 * shared.turns


def _slow(languages: Sequence[str]) -> Sequence[EntityRecognizer]:
    time.sleep(0.5)
    return recognisers(languages)


@pytest.mark.usefixtures("ray_started")
class TestOnRay:
    def test_several_processes_find_what_one_finds(self, house: House) -> None:
        find_all(house.work("here"), house.blocks, house.means(), "find")
        told: list[Progress] = []
        many = replace(house.means(Everything(), Compute(workers=2, few_blocks=0)), tell=told.append)
        find_all(house.work("there"), house.blocks, many, "find")
        here, there = house.work("here").journal(), house.work("there").journal()
        assert [here.made(block.number) for block in house.blocks] == [there.made(n) for n in range(len(house.blocks))]
        assert any(found_in(house.blocks, there))
        assert told[-1].records == 1500

    def test_a_killed_worker_is_replaced_and_its_block_done_by_another(self, house: House) -> None:
        def kill_one() -> None:
            while not killed:
                for process in psutil.Process().children(recursive=True):
                    if "MapWorker" in " ".join(process.cmdline()):
                        os.kill(process.pid, signal.SIGKILL)
                        killed.append(process.pid)
                        return
                time.sleep(0.02)

        killed: list[int] = []
        killer = threading.Thread(target=kill_one)
        killer.start()
        means = house.means(Everything(), Compute(workers=2, few_blocks=0), Build(recognise=_slow))
        find_all(house.work(), house.blocks, means, "find")
        killer.join()
        assert killed
        assert undone(house.blocks, house.work().journal()) == []

    @pytest.mark.parametrize(("refuses", "code"), [(True, "some_code"), (False, "finding_failed")])
    def test_what_a_worker_refuses_is_refused_here_and_what_breaks_it_says_its_kind_only(
        self, house: House, refuses: bool, code: str
    ) -> None:
        build = Build(recognise=_refusing if refuses else _breaking)
        with pytest.raises(TunewardenError) as caught:
            find_all(
                house.work(), house.blocks, house.means(Everything(), Compute(workers=2, few_blocks=0), build), "find"
            )
        assert caught.value.code == code
        assert "Zebediah" not in str(caught.value)

    def test_a_block_that_kills_every_worker_ends_the_work_and_is_named(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not those that were handed over together with it."""
        monkeypatch.setattr(scale, "_TURNS", 1)
        means = house.means(Everything(), Compute(workers=2, few_blocks=0), Build(recognise=_deadly))
        with pytest.raises(Unavailable, match="records 512 to 767"):
            find_all(house.work(), house.blocks, means, "find")
        assert set(undone(house.blocks, house.work().journal())) <= {2, 3, 4, 5}


class _Deadly(EntityRecognizer):  # type: ignore[misc]  # Presidio is not typed
    def load(self) -> None: ...

    def analyze(self, text: str, entities: object, nlp_artifacts: object) -> list[object]:  # noqa: ARG002
        if "MRN 0000600-7" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        return []


def _deadly(_: Sequence[str]) -> Sequence[EntityRecognizer]:
    return [_Deadly(supported_entities=["NAME"], name="deadly", supported_language=LANGUAGE)]


def _refusing(_: Sequence[str]) -> Sequence[EntityRecognizer]:
    raise Refused("some_code", "A reason.")


def _breaking(_: Sequence[str]) -> Sequence[EntityRecognizer]:
    raise ValueError(CANARY)
