"""/v1/audit and /v1/keys"""

from base64 import b64encode

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.schemas import Json, KeyIn, receipt_out
from tunewarden.usecases import keys, log

router = APIRouter(tags=["audit"])


@router.get("/v1/audit/checkpoint", summary="The newest signed tree head", response_class=PlainTextResponse)
def checkpoint(called: Called) -> PlainTextResponse:
    """A C2SP checkpoint; keep it, and a later log that is not its continuation is caught."""
    return PlainTextResponse(log.head(called.platform, called.principal).note)


@router.get("/v1/audit/entries/{index}", summary="One entry with its proof")
def entry(called: Called, index: int) -> Json:
    """The entry's canonical bytes (base64), and its inclusion proof in the newest signed tree."""
    found = log.proven(called.platform, called.principal, index)
    return {
        "object": "audit.entry",
        "index": index,
        "size": found.size,
        "entry": b64encode(found.entry).decode(),
        "proof": [b64encode(node).decode() for node in found.proof],
        "checkpoint": found.note,
    }


@router.post("/v1/keys", summary="Make a principal and its key")
def create_key(called: Called, body: KeyIn, response: Response) -> Json:
    """The key is shown once, here; only its hash is stored."""
    token = new_token()
    principal, receipt = keys.create(
        called.platform, called.principal, name=body.name, roles=frozenset(body.roles), token_hash=token_hash(token)
    )
    response.headers["cache-control"] = "no-store"
    return {
        "object": "key",
        "principal": principal.id,
        "roles": sorted(principal.roles),
        "key": token,
        "receipt": receipt_out(receipt),
    }
