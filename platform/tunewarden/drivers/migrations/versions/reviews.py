"""Reviews of released records by people, their answers (offsets, no text), and signatures of reports."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("reviews", "answers", "attestations"):
        op.create_table(
            name,
            sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("id", sa.String(80), nullable=False, unique=True),
            sa.Column("body", sa.Text, nullable=False),
        )
