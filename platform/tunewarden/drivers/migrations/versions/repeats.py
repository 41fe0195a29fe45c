"""What is kept of requests, so that one that comes twice is done once."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "repeats",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("asked_by", sa.String(40), nullable=False),
        sa.Column("alone", sa.Boolean, nullable=False),
        sa.Column("began_at", sa.String(24), nullable=False),
        sa.Column("done_at", sa.String(24), nullable=False),
        sa.Column("until", sa.String(24), nullable=False),
        sa.Column("made", sa.Text, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("is_secret", sa.Boolean, nullable=False),
    )
    op.create_index("repeats_that_are_over", "repeats", ["until"])
