"""Persons across datasets: cohorts that were admitted, and who is in which."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cohorts",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(80), nullable=False, unique=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "rolls",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(100), nullable=False, unique=True),
    )
    op.create_table(
        "enrolments",
        sa.Column("member", sa.LargeBinary(32), primary_key=True),
        sa.Column("roll", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("left_out", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("enrolments_of_a_roll", "enrolments", ["roll", "member"])
