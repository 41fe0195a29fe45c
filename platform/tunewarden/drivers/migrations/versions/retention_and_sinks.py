"""Entries may lose their body, never their leaf hash; cursors of the sinks that the log is exported to."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "pruned",
        sa.Column("idx", _INDEX, primary_key=True, autoincrement=False),
        sa.Column("prune", sa.String(80), nullable=False),
    )
    op.create_table(
        "sinks",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("next_index", _INDEX, nullable=False),
        sa.Column("next_head", _INDEX, nullable=False),
        sa.Column("error", sa.String(64), nullable=False),
    )
    op.create_table(
        "dead_letters",
        sa.Column("sink", sa.String(64), primary_key=True),
        sa.Column("event", sa.String(40), primary_key=True),
        sa.Column("code", sa.String(64), nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        _postgres()
    else:
        _sqlite()


# As before a seat-belt, not evidence. What may change in an entry now is its body, into nothing, once the table
# `pruned` names it.


def _sqlite() -> None:
    for action in ("update", "delete"):
        op.execute(f"DROP TRIGGER entries_no_{action}")
    with op.batch_alter_table("entries") as batch:  # SQLite cannot alter a column: the table is made anew
        batch.alter_column("body", existing_type=sa.LargeBinary(), nullable=True)
    op.execute(
        "CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries WHEN NOT ("
        "NEW.body IS NULL AND NEW.idx = OLD.idx AND NEW.leaf_hash = OLD.leaf_hash "
        "AND EXISTS (SELECT 1 FROM pruned WHERE pruned.idx = OLD.idx)) "
        "BEGIN SELECT RAISE(ABORT, 'log entries are append-only'); END"
    )
    for table in ("entries", "pruned"):
        op.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'log entries are append-only'); END"
        )
    op.execute(
        "CREATE TRIGGER pruned_no_update BEFORE UPDATE ON pruned "
        "BEGIN SELECT RAISE(ABORT, 'log entries are append-only'); END"
    )


def _postgres() -> None:
    op.execute("ALTER TABLE entries ALTER COLUMN body DROP NOT NULL")
    op.execute("DROP TRIGGER entries_no_change ON entries")
    op.execute(
        "CREATE FUNCTION entries_lose_bodies_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.body IS NULL AND NEW.idx = OLD.idx AND NEW.leaf_hash = OLD.leaf_hash "
        "AND EXISTS (SELECT 1 FROM pruned WHERE pruned.idx = OLD.idx) THEN RETURN NEW; END IF; "
        "RAISE EXCEPTION 'log entries are append-only' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries "
        "FOR EACH ROW EXECUTE FUNCTION entries_lose_bodies_only()"
    )
    op.execute(
        "CREATE TRIGGER entries_no_delete BEFORE DELETE OR TRUNCATE ON entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only()"
    )
    op.execute(
        "CREATE TRIGGER pruned_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON pruned "
        "FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only()"
    )
