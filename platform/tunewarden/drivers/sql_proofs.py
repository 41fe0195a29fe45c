"""The log as an auditor sees it, read from SQL: bytes, proofs and signed heads; `usecases.ports.SealedLog`.

Proofs are made out of stored tiles, which anybody with the database could have altered. So none leaves before it has
been seen to lead to the root in the signed note. Not checked here: who signed that note; that needs the log's key.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine

from tunewarden.domain.errors import NotFound
from tunewarden.drivers import sql_log
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_log import StoredTreeHead
from tunewarden.drivers.sql_tiles import LogTiles, damaged
from tunewarden.usecases.ports import SignedTreeHead
from tunewarden_audit import merkle
from tunewarden_audit.merkle import InvalidProof
from tunewarden_audit.note import InvalidNote, TreeHead
from tunewarden_audit.tiles import TiledTree


class SqlSealedLog:
    """Reads only; nothing here can sign."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def head(self, cosigned_by: Sequence[str] = ()) -> SignedTreeHead | None:
        """The newest signed tree head with signature lines of these witnesses; None where there is none."""
        return _shown(sql_log.latest_tree_head(self._engine, cosigned_by))

    def head_of(self, size: int) -> SignedTreeHead | None:
        """The head that was signed for exactly this size; None where none was."""
        with self._engine.connect() as connection:
            return _shown(sql_log.tree_head(connection, size))

    def entry(self, index: int) -> bytes:
        """The canonical bytes of an entry. Raises `NotFound`."""
        found = self.bodies(index, 1)
        if not found:
            raise NotFound("entry_not_found", f"The log has no entry {index}.", param="index")
        return found[0]

    def bodies(self, start: int, limit: int) -> Sequence[bytes]:
        """The canonical bytes of at most `limit` entries from `start` on."""
        with self._engine.connect() as connection:
            return sql_log.body_range(connection, start, limit)

    def leaves(self, start: int, limit: int) -> Sequence[tuple[bytes, bytes | None]]:
        """Leaf hash and bytes of at most `limit` entries from `start` on; None for bytes that retention dropped."""
        with self._engine.connect() as connection:
            return sql_log.entry_range(connection, start, limit)

    def heads(self, below: int | None, limit: int) -> Sequence[SignedTreeHead]:
        """At most `limit` of the signed heads, the largest first."""
        with self._engine.connect() as connection:
            found = sql_log.tree_heads(connection, below, limit)
        return [SignedTreeHead(size=one.size, note=one.note) for one in found]

    def inclusion_proofs(self, indices: Sequence[int], size: int) -> Mapping[int, Sequence[bytes]]:
        """Audit paths in the tree of the first `size` entries. Raises `Corrupted`."""
        with self._engine.connect() as connection:
            prover = _Prover(connection, size)
            return {index: prover.inclusion(index) for index in indices}

    def consistency_proof(self, old_size: int, size: int) -> Sequence[bytes]:
        """That the first `old_size` entries are the beginning of the first `size`. Raises `Corrupted`."""
        with self._engine.connect() as connection:
            return _Prover(connection, size).consistency(old_size)


class _Prover:
    """Proofs in the tree of the first `size` entries.

    Where a head was signed for that size, stored tiles are used and every proof is checked against it. Where none was,
    there is nothing to check against, so nothing stored is used: every entry is hashed again.
    """

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection, self._size = connection, size
        self._root = _signed_root(connection, size)
        self._tree = TiledTree(size, LogTiles(connection, use_stored=self._root is not None).hashes)

    def inclusion(self, index: int) -> list[bytes]:
        # 1. The path, out of tiles.
        path = merkle.prove_inclusion(self._tree, index)
        # 2. It leads from the entry's own leaf to the signed root.
        if self._root is not None:
            leaf = self._tree.node(0, index)
            try:
                merkle.verify_inclusion(index, self._size, leaf, path, self._root)
            except InvalidProof as broken:
                reason = f"What is stored does not prove entry {index} under the head of size {self._size}."
                raise damaged(reason) from broken
        return path

    def consistency(self, old_size: int) -> list[bytes]:
        # 1. The path, out of tiles.
        path = merkle.prove_consistency(self._tree, old_size)
        # 2. It leads from the root signed for the old size, if one was, to the signed root.
        if self._root is not None:
            old_root = _signed_root(self._connection, old_size)
            if old_root is None:
                old_root = merkle.root_of(self._tree, old_size)
            try:
                merkle.verify_consistency(old_size, self._size, path, old_root, self._root)
            except InvalidProof as broken:
                reason = f"What is stored does not lead from size {old_size} to the head of size {self._size}."
                raise damaged(reason) from broken
        return path


def _shown(stored: StoredTreeHead | None) -> SignedTreeHead | None:
    return None if stored is None else SignedTreeHead(size=stored.size, note=stored.note)


def _signed_root(connection: Connection, size: int) -> bytes | None:
    """The root in the note that was signed for this size; None where none was."""
    stored = sql_log.tree_head(connection, size)
    if stored is None:
        return None
    try:
        head = TreeHead.parse(stored.note.partition("\n\n")[0] + "\n")
    except InvalidNote as broken:
        raise damaged(f"The head that is stored for size {size} is no signed note.") from broken
    if head.size != size:
        raise damaged(f"The head that is stored for size {size} is about another size.")
    return head.root
