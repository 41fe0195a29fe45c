"""What comes after `deid apply`: the report, turning pseudonyms back, forgetting a person."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tunewarden.domain.canonical import Plain, digest_of, encode
from tunewarden.domain.errors import Conflict, Corrupted, Malformed, NotFound, Unavailable
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.drivers.file_vault import FileVault
from tunewarden.drivers.table_cells import Cell
from tunewarden.drivers.table_files import open_table, place_of
from tunewarden.entry.cli.deid_apply import MANIFEST_ENDING
from tunewarden.entry.cli.deid_rows import FILES
from tunewarden.entry.cli.deid_stated import FORM
from tunewarden.entry.report.safe_harbor import render_safe_harbor
from tunewarden.steps.deidentify.revealing import reveal

_PSEUDONYM = re.compile("[0-9a-f]{64}")


def write_report(manifest: Path, out: Path | None) -> tuple[Path, Path]:
    """Write the report of a manifest as a page and as the JSON whose SHA-256 is signed; returns where they are.

    Raises `NotFound`, `Malformed` for another file, `Corrupted` where the report is not the one that the manifest
    names, `Conflict` where one of the two is there.
    """
    document = _document(manifest)
    stem = (out or manifest.parent) / manifest.name.removesuffix(MANIFEST_ENDING)
    page, data = stem.with_name(f"{stem.name}.report.html"), stem.with_name(f"{stem.name}.report.json")
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        with data.open("xb") as stream:
            stream.write(encode(document))
        with page.open("x", encoding="utf-8") as stream:
            stream.write(render_safe_harbor(document))
    except FileExistsError:
        raise Conflict(
            "output_exists",
            "The report is there already; nothing is overwritten.",
            remedy="Take it away.",
            param="--out",
        ) from None
    except OSError as error:
        raise Unavailable("file_unwritable", f"The report cannot be written ({type(error).__name__}).") from error
    return page, data


def reveal_file(file: Path, vault: Path, out: Path, person: str | None) -> tuple[int, int]:
    """Write the file again with its reversible pseudonyms turned back: (how many were, how many could not be).

    Without `person`, the column that holds the persons' pseudonyms, every key of the vault is tried on every text.
    Raises `Conflict` where the output is there, `NotFound`, `Malformed`.
    """
    if out.exists():
        raise Conflict("output_exists", "The output is there already; nothing is overwritten.", param="--out")
    table = open_table(file)
    place = None if person is None else place_of(table, person, "--person")
    keys = FileVault(vault)
    opened = closed = 0

    def texts() -> Iterator[Sequence[str]]:
        nonlocal opened, closed
        for cells in table.cells(table.texts):
            turned = [_revealed(cell.text, _keys_of(keys, cells, place)) for cell in cells]
            opened += sum(found for _, found, _ in turned)
            closed += sum(left for _, _, left in turned)
            yield [text for text, _, _ in turned]

    mask = os.umask(0o077)  # what is turned back is its owner's alone
    try:
        table.rewrite(out, table.texts, (), texts())
    finally:
        os.umask(mask)
        keys.close()
    return opened, closed


def forget_person(vault: Path, person: str) -> bool:
    """Destroy the key of a person for good; whether there was one. Raises `NotFound`, `Malformed`, `Refused`."""
    keys = FileVault(vault)
    try:
        return keys.forget(FILES, pseudonym(keys.tenant_key, FILES, person.strip()))
    finally:
        keys.close()


def _keys_of(vault: FileVault, cells: Iterable[Cell], place: int | None) -> Iterator[bytes]:
    if place is None:
        yield from vault.every_key(FILES)
        return
    for cell in cells:
        if cell.column == place:  # of several persons, whichever's: the first one's made the pseudonyms of a row
            found = (vault.key(FILES, name) for name in _PSEUDONYM.findall(cell.text))
            yield from (key for key in found if key is not None)


def _revealed(text: str, keys: Iterator[bytes]) -> tuple[str, int, int]:
    opened = closed = 0
    if "~" in text:
        closed = reveal(text, bytes(32))[2]
        for key in keys if closed else ():
            text, more, closed = reveal(text, key)
            opened += more
            if not closed:
                break
    return text, opened, closed


def _document(manifest: Path) -> Plain:
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound("file_not_found", "There is no manifest of that name.", param="manifest") from None
    except (OSError, ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or told.get("form") != FORM or "document" not in told:
        raise Malformed(
            "manifest_malformed",
            "The file is no manifest of `deid apply`.",
            remedy=f"Name a file that ends in {MANIFEST_ENDING}.",
            param="manifest",
        )
    document: Plain = told["document"]
    try:
        same = digest_of(document) == told.get("report")
    except (TypeError, ValueError):
        same = False
    if not same:
        raise Corrupted("report_changed", "The report in the manifest is not the one whose digest the manifest names.")
    return document
