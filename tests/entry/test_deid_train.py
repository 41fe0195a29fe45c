"""`tunewarden deid train-recogniser`: two updates on tiny made-up corpora, and what it is told before it begins."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tunewarden.domain.errors import Conflict, Malformed, NotFound, TunewardenError
from tunewarden.entry.cli import app
from tunewarden.steps.deidentify.tagger.inference import Tagger

TEXT = "The applicant, Mr Ada Example, was born in Sampleton and complained of the length of the proceedings."


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["deid", "train-recogniser", *map(str, arguments)])


def refused(*arguments: object) -> TunewardenError:
    result = run(*arguments)
    assert isinstance(result.exception, TunewardenError), result.exception
    return result.exception


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Every corpus of the data sheet in its own form, with a text or two that were made up for this."""
    root = tmp_path / "corpora"
    for folder in ("tab", "meddocan-es/corpus/train/brat", "ner-wikigold", "ner-btc", "ner-wnut17", "mts-dialog"):
        (root / folder).mkdir(parents=True)
    (root / "banking77").mkdir()
    marks = [
        {"start_offset": TEXT.index(w), "end_offset": TEXT.index(w) + len(w), "entity_type": kind}
        for w, kind in (("Mr Ada Example", "PERSON"), ("Sampleton", "LOC"))
    ]
    cases = [{"id": f"case {number}", "text": TEXT, "entities": marks} for number in range(40)]
    (root / "tab" / "tab_train_dev.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    brat = root / "meddocan-es" / "corpus" / "train" / "brat"
    for number in range(3):
        (brat / f"{number}.txt").write_text(f"Paciente {number}: Ada Ejemplo, vista hoy.")
        (brat / f"{number}.ann").write_text("T1\tNOMBRE_SUJETO_ASISTENCIA 12 23\tAda Ejemplo\n")
    conll = "Ada B-PER\nExample I-PER\nlives O\nin O\nSampleton B-LOC\n. O\n"
    wiki = "".join(f"-DOCSTART- O\n\n{number} O\n{conll}\n" for number in range(10))
    (root / "ner-wikigold" / "wikigold.conll.txt").write_text(wiki.replace("B-", "I-"))
    (root / "ner-btc" / "a.conll").write_text(conll.replace(" ", "\t"))
    (root / "ner-wnut17" / "wnut17train.conll").write_text(conll.replace(" ", "\t"))
    note = "The wound is dry and clean today. It was washed and left open to the air."
    for path, column in (("mts-dialog/MTS-Dialog-TrainingSet.csv", "section_text"), ("banking77/train.csv", "text")):
        with (root / path).open("w", newline="") as stream:
            csv.writer(stream).writerows([[column], [note], [note.upper()]])
    return root


def test_two_updates_on_tiny_corpora_give_weights_that_the_recogniser_reads_with(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "weights.safetensors"
    result = run("--data", data, "--out", out, "--updates", 2, "--rows", 2)
    assert result.exception is None, result.exception
    assert "2 of 2 updates, loss" in result.stderr
    assert "Example" not in result.output
    (tokens,) = Tagger(weights=out).probabilities([TEXT])
    assert tokens.probabilities.shape[0] == len(tokens.tokens.ids)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpora", "weights.safetensors"]
    assert isinstance(refused("--data", data, "--out", out), Conflict)


def test_what_is_missing_is_named_before_anything_is_read(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "weights.safetensors"
    nowhere = refused("--data", tmp_path / "nothing", "--out", out)
    assert isinstance(nowhere, NotFound)
    assert "tab, meddocan-es, ner-wikigold" in str(nowhere)
    assert refused("--data", data, "--out", tmp_path / "no" / "weights").code == "folder_not_found"
    assert refused("--data", data, "--out", out, "--begin", tmp_path / "none").code == "file_not_found"
    device = refused("--data", data, "--out", out, "--device", "abacus")
    assert (device.code, isinstance(device, Malformed)) == ("device_unknown", True)
    (data / "ner-wikigold" / "wikigold.conll.txt").unlink()
    assert refused("--data", data, "--out", out, "--updates", 1).code == "corpus_not_found"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpora"]
