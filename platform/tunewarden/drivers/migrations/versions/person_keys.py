"""The wrapped data keys of persons; a row without one says that it was destroyed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_keys",
        sa.Column("dataset", sa.String(80), primary_key=True),
        sa.Column("pseudonym", sa.String(64), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary),
    )
