"""The tables, as the statements of `sql.py` see them; `migrations/` creates them and a test keeps the two the same."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData()
INDEX = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's own row number is an INTEGER of 64 bits


def _state(name: str) -> Table:
    """A table of things: `seq` is the order of first writing, `body` the canonical JSON (RFC 8785) of the thing."""
    return Table(
        name,
        METADATA,
        Column("seq", Integer, primary_key=True, autoincrement=True),
        Column("id", String(80), nullable=False, unique=True),
        Column("body", Text, nullable=False),
    )


STATE = {
    "principal": _state("principals"),
    "key": _state("api_keys"),
    "file": _state("files"),
    "upload": _state("uploads"),
    "dataset": _state("datasets"),
    "request": _state("requests"),
    "ledger": _state("ledgers"),
    "model": _state("models"),
    "promotion": _state("promotions"),
    "alias": _state("aliases"),
    "review": _state("reviews"),
    "answer": _state("answers"),
    "attestation": _state("attestations"),
    "erasure": _state("erasures"),
    "cohort": _state("cohorts"),
    "project": _state("projects"),
    "emergency": _state("emergencies"),
    "webhook": _state("webhooks"),
}
"""Noun of a `bodies.Kind` -> its table."""

CLAIMS = Table(
    "claims",
    METADATA,
    Column("request", String(80), primary_key=True),
    Column("worker", String(200), nullable=False),
    Column("until", String(24), nullable=False),  # canonical.instant_text: sorts as text in the order of time
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", String(64), primary_key=True),  # SHA-256 of what the browser keeps
    Column("principal", String(80), nullable=False),
    Column("begun_at", String(24), nullable=False),  # instants as in CLAIMS
    Column("used_at", String(24), nullable=False),
    Index("sessions_of_a_principal", "principal"),
)

KEY_USES = Table(
    "key_uses",
    METADATA,
    Column("key", String(64), primary_key=True),  # the hash under which the key is stored
    Column("used_at", String(24), nullable=False),
)

REPEATS = Table(
    "repeats",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("asked_by", String(40), nullable=False),
    Column("alone", Boolean, nullable=False),
    Column("began_at", String(24), nullable=False),  # instants as in CLAIMS
    Column("done_at", String(24), nullable=False),
    Column("until", String(24), nullable=False),
    Column("made", Text, nullable=False),  # identifiers, with spaces between them
    Column("answer", Text),  # sealed
    Column("is_secret", Boolean, nullable=False),
    Index("repeats_that_are_over", "until"),
)
"""What is kept of requests for a while; see usecases.repeats."""

PERSON_KEYS = Table(
    "person_keys",
    METADATA,
    Column("dataset", String(80), primary_key=True),
    Column("pseudonym", String(64), primary_key=True),
    Column("wrapped", LargeBinary),  # None once it was destroyed; see vault
)

ATTRIBUTES = Table(
    "attributes",
    METADATA,
    Column("dataset", String(80), primary_key=True),
    Column("key", String(64), primary_key=True),  # the name of the data key that they go with; see attributes
    Column("link", LargeBinary(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""Protected attributes of records that are measured on."""

KEY_RINGS = Table(
    "key_rings",
    METADATA,
    Column("name", String(16), primary_key=True),  # purpose of a master key
    Column("version", String(255), nullable=False),  # of the one that wraps now
    Column("rotated_at", String(24)),  # when the one before it was destroyed last; None before the first time
)

ROLLS = Table(
    "rolls",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(100), nullable=False, unique=True),
)
"""Numbers for the ids of cohorts, admitted or not yet, so that `enrolments` stays small."""

ENROLMENTS = Table(
    "enrolments",
    METADATA,
    Column("member", LargeBinary(32), primary_key=True),  # a budget pseudonym
    Column("roll", Integer, primary_key=True, autoincrement=False),
    Column("left_out", Boolean, nullable=False),
    Index("enrolments_of_a_roll", "roll", "member"),
    sqlite_with_rowid=False,
)
"""Who is in which cohort; see sql_cohorts."""

POLICY_VERSIONS = Table(
    "policy_versions",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("digest", String(71), nullable=False),
    Column("base", String(80)),
    Column("restores", String(80)),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", String(24), nullable=False),  # instants as in CLAIMS
    Column("report", String(71)),
    Column("state", String(16), nullable=False),
    Column("activated_by", String(80)),
    Column("activated_at", String(24)),
)


def _said(name: str, *columns: Column[str]) -> Table:
    """What versions of the access policy say: lines in the order in which they were given."""
    return Table(
        name,
        METADATA,
        Column("version", Integer, ForeignKey("policy_versions.seq"), primary_key=True, autoincrement=False),
        Column("line", Integer, primary_key=True, autoincrement=False),
        *columns,
    )


def _word(name: str, length: int = 64) -> Column[str]:
    return Column(name, String(length), nullable=False)


POLICY_RULES = _said(
    "policy_rules",
    _word("role"),
    _word("action"),
    _word("kind", 80),
    _word("condition", 255),
    _word("effect", 8),
    _word("project"),
)
POLICY_LINKS = _said("policy_links", _word("member"), _word("role"), _word("project"))
POLICY_GROUPS = _said("policy_groups", _word("name"))

ROLE_GRANTS = Table(
    "role_grants",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("member", String(80), nullable=False),
    Column("role", String(64), nullable=False),
    Column("project", String(64), nullable=False),
    Column("granted_by", String(80), nullable=False),
    Column("granted_at", String(24), nullable=False),
    Column("revoked_by", String(80)),
    Column("revoked_at", String(24)),
    Index("grants_of_a_member", "member"),
)

GROUPS = Table(
    "groups",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("name", Text, nullable=False),  # for screens
    Column("created_by", String(80), nullable=False),
    Column("created_at", String(24), nullable=False),
    Column("deleted_by", String(80)),
    Column("deleted_at", String(24)),
)

GROUP_MEMBERS = Table(
    "group_members",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("member", String(80), nullable=False),
    Column("in_group", String(80), nullable=False),  # "group" is a word of SQL
    Column("granted_by", String(80), nullable=False),
    Column("granted_at", String(24), nullable=False),
    Column("revoked_by", String(80)),
    Column("revoked_at", String(24)),
    Index("groups_of_a_member", "member"),
    Index("members_of_a_group", "in_group"),
)

POLICY_HEAD = Table(
    "policy_head",
    METADATA,
    Column("only", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("policy", String(80), nullable=False),
    Column("changes", Integer, nullable=False),
    Column("decides", String(71), nullable=False),
)
"""What is decided by; see sql_policies."""

ENTRIES = Table(
    "entries",
    METADATA,
    Column("idx", INDEX, primary_key=True, autoincrement=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    Column("body", LargeBinary),  # None once its retention ended; see sql_retention
)

TREE_HEADS = Table(
    "tree_heads",
    METADATA,
    Column("size", INDEX, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("sealed_at", String(24), nullable=False),
)

TILES = Table(
    "tiles",
    METADATA,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("n", INDEX, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),  # 1 to 256 hashes of 32 bytes; see sql_tiles
)

PRUNED = Table(
    "pruned",
    METADATA,
    Column("idx", INDEX, primary_key=True, autoincrement=False),
    Column("prune", String(80), nullable=False),
)
"""Which pruning dropped the body of which entry."""

SINKS = Table(
    "sinks",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("next_index", INDEX, nullable=False),  # of the first entry that was not acknowledged yet
    Column("next_head", INDEX, nullable=False),  # tree heads of this size or more were not acknowledged yet
    Column("error", String(64), nullable=False),  # code of what stopped the last delivery; empty where nothing did
)

DEAD_LETTERS = Table(
    "dead_letters",
    METADATA,
    Column("sink", String(64), primary_key=True),
    Column("event", String(40), primary_key=True),  # "entry 7" or "head 9"
    Column("code", String(64), nullable=False),
)

WEBHOOK_DELIVERIES = Table(
    "webhook_deliveries",
    METADATA,
    Column("webhook", String(80), primary_key=True),
    Column("message", String(80), primary_key=True),
    Column("entry", INDEX),  # that it is about; None for a test
    Column("type", String(64), nullable=False),
    Column("about", String(80), nullable=False),
    Column("at", String(24), nullable=False),  # instants as in CLAIMS
    Column("attempts", Integer, nullable=False),
    Column("next_at", String(24), nullable=False),
    Column("status", Integer),  # of the answer to a test
    Index("webhook_deliveries_that_are_due", "next_at"),
)

WEBHOOK_FAILING = Table(
    "webhook_failing",
    METADATA,
    Column("webhook", String(80), primary_key=True),  # that takes nothing
    Column("changed_at", String(24), nullable=False),  # of the endpoint as it failed; instants as in CLAIMS
    Column("since", String(24), nullable=False),
    Column("given_up", Integer, nullable=False),  # messages since then
    Column("held_until", String(24)),  # nothing is sent before
)

WEBHOOK_PLACE = Table(
    "webhook_place",
    METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("next_index", INDEX, nullable=False),  # of the first entry that was not looked at for endpoints
)
