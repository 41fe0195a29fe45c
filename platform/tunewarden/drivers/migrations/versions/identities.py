"""Sessions of browsers, and when each API key was used last."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("principal", sa.String(80), nullable=False),
        sa.Column("begun_at", sa.String(24), nullable=False),
        sa.Column("used_at", sa.String(24), nullable=False),
    )
    op.create_index("sessions_of_a_principal", "sessions", ["principal"])
    op.create_table(
        "key_uses",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("used_at", sa.String(24), nullable=False),
    )
