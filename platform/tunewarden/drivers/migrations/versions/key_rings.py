"""Which version of each master key wraps now, so that nobody wraps under one that is being rotated away."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_rings",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("version", sa.String(255), nullable=False),
        sa.Column("rotated_at", sa.String(24)),
    )
