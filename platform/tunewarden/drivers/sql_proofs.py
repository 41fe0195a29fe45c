"""The log as an auditor sees it, read from SQL: bytes, proofs and signed heads; `usecases.ports.SealedLog`."""

from collections.abc import Mapping, Sequence
from itertools import islice

from sqlalchemy import Engine

from tunewarden.domain.errors import NotFound
from tunewarden.drivers import sql_log
from tunewarden.drivers.sql_engine import reading
from tunewarden.usecases.ports import SignedTreeHead
from tunewarden_audit.merkle import Tree


class SqlSealedLog:
    """Reads only; nothing here can sign."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def head(self) -> SignedTreeHead | None:
        """The newest signed tree head; None before the first."""
        stored = sql_log.latest_tree_head(self._engine)
        return None if stored is None else SignedTreeHead(size=stored.size, note=stored.note)

    def entry(self, index: int) -> bytes:
        """The canonical bytes of an entry. Raises `NotFound`."""
        with reading(self._engine).connect() as connection:
            for found, body in islice(sql_log.read_bodies(connection, index), 1):
                if found == index:
                    return body
        raise NotFound("entry_not_found", f"The log has no entry {index}.", param="index")

    def inclusion_proofs(self, indices: Sequence[int], size: int) -> Mapping[int, Sequence[bytes]]:
        """Audit paths in the tree of the first `size` entries; hashes every one of them again."""
        tree = Tree(sql_log.leaf_hashes(self._engine, size))
        return {index: tree.inclusion_proof(index) for index in indices}
