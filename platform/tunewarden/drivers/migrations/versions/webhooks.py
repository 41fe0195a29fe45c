"""Webhooks: endpoints, what waits for them, and how far the log was looked through for it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(80), nullable=False, unique=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook", sa.String(80), primary_key=True),
        sa.Column("message", sa.String(80), primary_key=True),
        sa.Column("entry", _INDEX),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("about", sa.String(80), nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.String(24), nullable=False),
        sa.Column("status", sa.Integer),
    )
    op.create_index("webhook_deliveries_that_are_due", "webhook_deliveries", ["next_at"])
    op.create_table(
        "webhook_place",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next_index", _INDEX, nullable=False),
    )
