"""Groups that roles are granted to, and who is in which."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "groups",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(80), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("deleted_by", sa.String(80)),
        sa.Column("deleted_at", sa.String(24)),
    )
    op.create_table(
        "group_members",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("member", sa.String(80), nullable=False),
        sa.Column("in_group", sa.String(80), nullable=False),
        sa.Column("granted_by", sa.String(80), nullable=False),
        sa.Column("granted_at", sa.String(24), nullable=False),
        sa.Column("revoked_by", sa.String(80)),
        sa.Column("revoked_at", sa.String(24)),
    )
    op.create_index("groups_of_a_member", "group_members", ["member"])
    op.create_index("members_of_a_group", "group_members", ["in_group"])
