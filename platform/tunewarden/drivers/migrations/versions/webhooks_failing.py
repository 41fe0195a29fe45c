"""Since when endpoints take nothing; and endpoints that were deleted lose their row, as all will from here on."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_failing",
        sa.Column("webhook", sa.String(80), primary_key=True),
        sa.Column("changed_at", sa.String(24), nullable=False),
        sa.Column("since", sa.String(24), nullable=False),
        sa.Column("given_up", sa.Integer, nullable=False),
    )
    rows = sa.table("webhooks", sa.column("id"), sa.column("body"))
    connection = op.get_bind()
    for identifier, body in connection.execute(sa.select(rows.c.id, rows.c.body)).all():
        members = json.loads(body)
        if members.pop("deleted"):
            connection.execute(sa.delete(rows).where(rows.c.id == identifier))
        else:
            # Canonical as RFC 8785 has it: the names are sorted already, and all are ASCII.
            text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
            connection.execute(sa.update(rows).where(rows.c.id == identifier).values(body=text))
