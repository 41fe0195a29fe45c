"""Engines that somebody else trained: a spaCy pipeline, a Hugging Face token classifier, GLiNER.

Each is a folder, pinned by `folder_digest` in the profile and checked before anything in it is read. Weights are
safetensors only (spaCy's own format holds no code); no code of a model's folder is run.
"""

import hashlib
import hmac
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.deidentification import Engine, EngineKind
from tunewarden.domain.errors import Corrupted, Malformed
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.engines import ENTITY_OF_LABEL, Read
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.tagger.labels import LABELS, label_of
from tunewarden.steps.deidentify.tagger.windows import tokenise, windows

_UNSAFE = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".py", ".joblib"})
_NEEDS: Mapping[EngineKind, str] = MappingProxyType(
    {EngineKind.SPACY: "spacy", EngineKind.TRANSFORMERS: "transformers", EngineKind.GLINER: "gliner"}
)
_SPACY_SCORE = 0.85  # spaCy's recogniser tells no probability; this is the constant that Presidio gives it


def reader(engine: Engine, models: Path) -> Read:
    """The model of `engine` in its folder below `models`. Raises as `engines.reader` says."""
    _require_installed(engine.kind)
    folder = _checked(engine, models)
    loaders: Mapping[EngineKind, Callable[[Path], Read]] = {
        EngineKind.SPACY: _spacy,
        EngineKind.TRANSFORMERS: _transformers,
        EngineKind.GLINER: _gliner,
    }
    return loaders[engine.kind](folder)


def folder_digest(folder: Path) -> Digest:
    """Digest of every file below `folder`: of the canonical {relative path: SHA-256 of the bytes}."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest_of({path.relative_to(folder).as_posix(): _sha256(path) for path in files})


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _require_installed(kind: EngineKind) -> None:
    if importlib.util.find_spec(_NEEDS[kind]) is None:
        raise Malformed(
            "engine_not_installed",
            f"The profile's engine is of the kind {kind}, and the package {_NEEDS[kind]} is not installed.",
            remedy="Install it beside the platform, or use another engine.",
            who="administrator",
            param="engine.kind",
        )


def _checked(engine: Engine, models: Path) -> Path:
    folder = models / engine.model
    if not folder.resolve().is_relative_to(models.resolve()) or not folder.is_dir():
        raise Malformed(
            "engine_model_missing",
            "There is no model of the name that the profile's engine gives.",
            remedy="Put the model's folder among the recognisers, or name one that is there.",
            who="administrator",
            param="engine.model",
        )
    unsafe = _UNSAFE - {".bin"} if engine.kind is EngineKind.SPACY else _UNSAFE  # spaCy's are msgpack
    if any(path.suffix in unsafe for path in folder.rglob("*")):
        raise Malformed(
            "engine_model_unsafe",
            "The model's folder holds code, or weights in a format that can hold code.",
            remedy="Save its weights as safetensors, and leave nothing else in the folder.",
            who="administrator",
            param="engine.model",
        )
    if not hmac.compare_digest(folder_digest(folder), engine.digest or ""):
        raise Corrupted(
            "engine_model_changed",
            "The files of the engine's model are not those that the profile names.",
            remedy="Restore them, or review the model and name its digest in the profile.",
            who="administrator",
        )
    return folder


def _spacy(folder: Path) -> Read:
    import spacy

    pipeline = spacy.load(folder)

    def read(texts: Sequence[str], threshold: float) -> Sequence[Sequence[Span]]:
        pipeline.max_length = max(pipeline.max_length, *map(len, texts), 1)
        return [
            [
                Span(start=found.start_char, end=found.end_char, entity=entity, score=_SPACY_SCORE)
                for found in document.ents
                if (entity := ENTITY_OF_LABEL.get(found.label_.lower())) and threshold <= _SPACY_SCORE
            ]
            for document in pipeline.pipe(texts)
        ]

    return read


def _transformers(folder: Path) -> Read:
    """A token classifier with labels of `ENTITY_OF_LABEL`, with or without B- and I-; a fast tokenizer is needed."""
    import torch
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    from tunewarden.steps.deidentify.tagger.inference import Reading, spans

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = AutoModelForTokenClassification.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
    ).eval()
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    special = tokenizer("")["input_ids"]  # what stands before and behind every text
    before = len(special) // 2
    column = torch.tensor([_column(model.config.id2label[number]) for number in range(model.config.num_labels)])

    def judged(ids: Sequence[int]) -> torch.Tensor:
        whole = torch.tensor([[*special[:before], *ids, *special[before:]]])
        scores = model(input_ids=whole, attention_mask=torch.ones_like(whole)).logits[0, before : before + len(ids)]
        ours = torch.zeros(len(ids), 1 + len(LABELS))
        return ours.index_add_(1, column, scores.float().softmax(dim=-1))

    def read_one(text: str, threshold: float) -> Sequence[Span]:
        (tokens,) = tokenise(backend, [text])
        probabilities = torch.zeros(len(tokens), 1 + len(LABELS))
        for window in windows(len(tokens)) if len(tokens) else ():
            scores = judged(tokens.ids[window.start : window.end])
            here = slice(window.first - window.start, window.last - window.start)
            probabilities[window.first : window.last] = scores[here]
        return spans(Reading(text=text, tokens=tokens, probabilities=probabilities.numpy()), threshold)

    def read(texts: Sequence[str], threshold: float) -> Sequence[Sequence[Span]]:
        with torch.inference_mode():
            return [read_one(text, threshold) for text in texts]

    return read


def _column(label: str) -> int:
    """Which of our labels somebody else's stands for; 0, no identifier, where it stands for none."""
    entity = ENTITY_OF_LABEL.get(label.removeprefix("B-").removeprefix("I-").lower())
    return 0 if entity is None else label_of(entity)


def _gliner(folder: Path) -> Read:
    """GLiNER through Presidio's recogniser of that name, which cuts long texts into overlapping pieces."""
    from presidio_analyzer.predefined_recognizers import GLiNERRecognizer

    asked = {entity.value.replace("-", " "): entity.value for entity in ENTITY_OF_LABEL.values()}
    recogniser = GLiNERRecognizer(
        entity_mapping=asked, model_name=str(folder), threshold=0.05, map_location="cpu", local_files_only=True
    )
    recogniser.load()

    def read(texts: Sequence[str], threshold: float) -> Sequence[Sequence[Span]]:
        return [
            [
                Span(start=found.start, end=found.end, entity=ENTITY_OF_LABEL[found.entity_type], score=found.score)
                for found in recogniser.analyze(text, entities=sorted(set(asked.values())))
                if found.score >= threshold
            ]
            for text in texts
        ]

    return read
