"""The access policy: its versions with what each says, the roles that were granted, and what is decided by."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_versions",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(80), nullable=False, unique=True),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("base", sa.String(80)),
        sa.Column("restores", sa.String(80)),
        sa.Column("proposed_by", sa.String(80), nullable=False),
        sa.Column("proposed_at", sa.String(24), nullable=False),
        sa.Column("report", sa.String(71)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("activated_by", sa.String(80)),
        sa.Column("activated_at", sa.String(24)),
    )
    for name, columns in _SAID.items():
        op.create_table(
            name,
            sa.Column(
                "version", sa.Integer, sa.ForeignKey("policy_versions.seq"), primary_key=True, autoincrement=False
            ),
            sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
            *[sa.Column(column, sa.String(length), nullable=False) for column, length in columns.items()],
        )
    op.create_table(
        "role_grants",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("member", sa.String(80), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("granted_by", sa.String(80), nullable=False),
        sa.Column("granted_at", sa.String(24), nullable=False),
        sa.Column("revoked_by", sa.String(80)),
        sa.Column("revoked_at", sa.String(24)),
    )
    op.create_index("grants_of_a_member", "role_grants", ["member"])
    op.create_table(
        "policy_head",
        sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("policy", sa.String(80), nullable=False),
        sa.Column("changes", sa.Integer, nullable=False),
        sa.Column("decides", sa.String(71), nullable=False),
    )


_SAID = {
    "policy_rules": {"role": 64, "action": 64, "kind": 80, "condition": 255, "effect": 8, "project": 64},
    "policy_links": {"member": 64, "role": 64, "project": 64},
    "policy_groups": {"name": 64},
}
