"""/v1/audit"""

from base64 import b64encode

from fastapi.responses import PlainTextResponse

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.entries import read_entry
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.organization_pages import After, Limit, index_in, page_of
from tunewarden.entry.api.schemas import Json
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import log
from tunewarden_audit.proof import EntryProof

router = Routes(tags=["audit"])


@router.get("/v1/audit/checkpoint", summary="The newest signed tree head", response_class=PlainTextResponse)
def checkpoint(called: Called) -> PlainTextResponse:
    """A C2SP checkpoint; keep it, and a later log that is not its continuation is caught."""
    return PlainTextResponse(log.head(called.platform, called.principal).note)


@router.get("/v1/audit/checkpoints", summary="List signed tree heads")
def checkpoints(called: Called, after: After = None, limit: Limit = 20) -> Json:
    """The largest first. Each is a C2SP checkpoint in `note`; `after` is the `id` of the last one of a page."""
    below = None if after is None else index_in(after, "checkpoint")
    found = log.heads(called.platform, called.principal, below, limit + 1)
    items: list[Json] = [
        {"id": f"checkpoint-{one.size}", "object": "audit.checkpoint", "size": one.size, "note": one.note}
        for one in found[:limit]
    ]
    return page_of(items, [item["id"] for item in items], len(found) > limit)


@router.get("/v1/audit/entries", summary="List entries")
def entries(called: Called, after: After = None, limit: Limit = 20) -> Json:
    """As they are sealed, oldest first: each with its leaf hash (RFC 6962) and its canonical bytes (base64).

    `after` is the `id` of the last one of a page. An entry without `entry` lost its bytes when its retention ended; its
    leaf hash stays. `size` is how many entries are signed: what is newer comes a little later.
    """
    start = 0 if after is None else index_in(after, "audit") + 1
    found, size = log.entries(called.platform, called.principal, start, limit)
    items = [_entry_out(one) for one in found]
    return {**page_of(items, [item["id"] for item in items], start + len(items) < size), "size": size}


@router.get("/v1/audit/entries/{index}", summary="One entry with its proof")
def entry(called: Called, index: int) -> Json:
    """The entry's canonical bytes (base64), and its inclusion proof in the newest signed tree."""
    body, found = log.entry(called.platform, called.principal, index)
    return {
        "object": "audit.entry",
        "index": index,
        "size": found.size,
        "entry": b64encode(body).decode(),
        "proof": [b64encode(node).decode() for node in found.proof],
        "checkpoint": found.note,
    }


@router.get("/v1/audit/entries/{index}/proof", summary="One entry's proof as a file", response_class=PlainTextResponse)
def proof(called: Called, index: int) -> PlainTextResponse:
    """C2SP tlog-proof: `tunewarden-audit inclusion ENTRY PROOF --key VKEY` needs this file and the entry's bytes."""
    found = log.inclusion(called.platform, called.principal, index)
    headers = {"content-disposition": f'attachment; filename="{index}.tlog-proof"'}
    return PlainTextResponse(EntryProof(index, tuple(found.proof), found.note).text(), headers=headers)


@router.get("/v1/audit/consistency", summary="That an earlier log is the beginning of this one")
def consistency(called: Called, old: int, new: int | None = None) -> Json:
    """From `old` entries to the newest signed head, or to the one signed for `new`; RFC 6962 section 2.1.2.

    `hashes`, `old_size` and `size` are those of a consistency proof in FORMAT.md, section 5.
    """
    found = log.continued(called.platform, called.principal, old, new)
    return {
        "object": "audit.consistency",
        "old_size": found.old_size,
        "size": found.size,
        "hashes": [b64encode(node).decode() for node in found.proof],
        "checkpoint": found.note,
    }


def _entry_out(one: log.Sealed) -> Json:
    entry = None if one.body is None else read_entry(one.index, one.body)
    return {
        "id": f"audit-{one.index}",
        "object": "audit.entry",
        "index": one.index,
        "leaf_hash": one.leaf_hash.hex(),
        "type": None if entry is None else type(entry.event).__name__,
        "actor": None if entry is None else entry.actor,
        "at": None if entry is None else instant_text(entry.at),
        "entry": None if one.body is None else b64encode(one.body).decode(),
    }
