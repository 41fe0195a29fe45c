"""What exactly de-identified: digests of this package's files, of the libraries' versions, of what took part."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.deidentification import Engine
from tunewarden.domain.names import Digest

LIBRARIES = (
    "presidio-analyzer",
    "phonenumbers",
    "regex",
    "tokenizers",
    "torch",
    "transformers",
)


@cache
def package_files() -> Mapping[str, str]:
    """Every file below this package, weights and lists among them: path -> SHA-256 in hex. Read once in a process."""
    return {path: _sha256(file) for path, file in sorted(_walk(files(__package__), ""))}


def detector_digest(engine: Engine, recognisers: Sequence[str]) -> Digest:
    """Digest of everything that decides what is found: code, weights, libraries, the engine, who takes part.

    Not in it: the processor, which decides in which precision the network reads (`tagger/inference.py`).
    """
    return digest_of(
        {
            "files": package_files(),
            "libraries": {name: version(name) for name in LIBRARIES},
            "engine": engine,
            "recognisers": sorted(recognisers),
        }
    )


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        if item.is_dir() and item.name != "__pycache__":
            yield from _walk(item, f"{path}{item.name}/")
        elif item.is_file():
            yield f"{path}{item.name}", item


def _sha256(file: Traversable) -> str:
    return sha256(file.read_bytes()).hexdigest()
