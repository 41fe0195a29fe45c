"""First tables: state, claims, log entries and signed tree heads."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATE = ("principals", "api_keys", "files", "datasets", "requests", "ledgers", "models", "promotions", "aliases")


def upgrade() -> None:
    for name in _STATE:
        op.create_table(
            name,
            sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("id", sa.String(80), nullable=False, unique=True),
            sa.Column("body", sa.Text, nullable=False),
        )
    op.create_table(
        "claims",
        sa.Column("request", sa.String(80), primary_key=True),
        sa.Column("worker", sa.String(200), nullable=False),
        sa.Column("until", sa.String(24), nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("idx", _INDEX, primary_key=True, autoincrement=False),
        sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tree_heads",
        sa.Column("size", _INDEX, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("sealed_at", sa.String(24), nullable=False),
    )
    # A seat-belt against our own mistakes, not evidence: who owns the database can drop these triggers. The evidence
    # is the signed tree head, which does not lie in the database alone.
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'log entries are append-only' USING ERRCODE = 'restrict_violation'; END $$"
        )
        op.execute(
            "CREATE TRIGGER entries_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON entries "
            "FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only()"
        )
        return
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER entries_no_{action.lower()} BEFORE {action} ON entries "
            "BEGIN SELECT RAISE(ABORT, 'log entries are append-only'); END"
        )
