"""An index of the log by what its entries are about, which the database makes out of their bytes."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# Functions on JSON are not to be had: SQLite takes those of its own for unsafe where a schema is not trusted, and
# PostgreSQL's reading of bytes as text depends on the server. So each looks for a member's name in the canonical bytes.

_SQLITE = """coalesce(
    substr(
        substr(CAST(body AS TEXT), nullif(instr(CAST(body AS TEXT), '"request":"'), 0) + 11, 81), 1,
        nullif(instr(
            substr(CAST(body AS TEXT), nullif(instr(CAST(body AS TEXT), '"request":"'), 0) + 11, 81), '"'), 0) - 1),
    substr(
        substr(CAST(body AS TEXT), nullif(instr(CAST(body AS TEXT), '"resource":"'), 0) + 12, 81), 1,
        nullif(instr(
            substr(CAST(body AS TEXT), nullif(instr(CAST(body AS TEXT), '"resource":"'), 0) + 12, 81), '"'), 0) - 1))"""
_POSTGRES = """coalesce(
    substring(encode(body, 'escape') from '"request":"([^"]{1,80})"'),
    substring(encode(body, 'escape') from '"resource":"([^"]{1,80})"'))"""


def upgrade() -> None:
    expression = _POSTGRES if op.get_bind().dialect.name == "postgresql" else _SQLITE
    op.get_bind().exec_driver_sql(f"CREATE INDEX entries_about ON entries (({expression}))")
