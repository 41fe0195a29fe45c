"""/v1/audit"""

from base64 import b64encode

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.schemas import Json
from tunewarden.usecases import log
from tunewarden_audit.proof import EntryProof

router = APIRouter(tags=["audit"])


@router.get("/v1/audit/checkpoint", summary="The newest signed tree head", response_class=PlainTextResponse)
def checkpoint(called: Called) -> PlainTextResponse:
    """A C2SP checkpoint; keep it, and a later log that is not its continuation is caught."""
    return PlainTextResponse(log.head(called.platform, called.principal).note)


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
