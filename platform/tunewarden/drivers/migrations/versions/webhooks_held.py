"""Until when an endpoint that asks for less is left alone."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook_failing", sa.Column("held_until", sa.String(24)))
