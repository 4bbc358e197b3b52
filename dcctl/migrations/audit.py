"""The audit trail in PostgreSQL: a chain of its own, beside the ledger's and by the same functions. This module builds text.

`audit.record()` is the only way in. It may be called by the application, in the transaction of what it tells of; events have no foreign keys, so
they stay when request, person and administration are gone, and the triggers that guard the ledger's entries guard them too.
"""

from dcctl import trail
from dcctl.store import AUDIT
from quotas.content import hashed
from quotas.schema.guards import append_only

_OUTCOMES = ", ".join(f"'{outcome}'" for outcome in trail.OUTCOMES)
_GIVEN = trail.COLUMNS[2:]
_ARGUMENTS = ", ".join(f"p_{name} text" for name in _GIVEN)
_VALUES = {name: f"p_{name}" for name in _GIVEN} | {"id": "number", "at": "moment"}
SIGNATURE = f"audit.record({', '.join('text' for _ in _GIVEN)})"

UPGRADE = [
    "CREATE SCHEMA audit",
    "CREATE SEQUENCE audit.event_number",
    f"""
CREATE TABLE audit.event (
    id bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    action text NOT NULL CHECK (action <> ''),
    outcome text NOT NULL CHECK (outcome IN ({_OUTCOMES})),
    actor_id text NOT NULL CHECK (actor_id <> ''),
    actor text NOT NULL,
    scope text NOT NULL,
    observer text NOT NULL,
    address text,
    request_id text,
    administration text,
    target text,
    document text NOT NULL,
    content_hash quotas.digest NOT NULL
)""",
    "CREATE INDEX event_of_administration ON audit.event (administration, id)",
    "CREATE INDEX event_of_actor ON audit.event (actor, id)",
    "CREATE INDEX event_on_target ON audit.event (target, id)",
    *AUDIT.tables(),
    *append_only(AUDIT),
    # The sealer goes by this: a number is drawn by a transaction that has its own id already.
    f"""
CREATE FUNCTION audit.record({_ARGUMENTS}) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number bigint;
    moment timestamptz;
BEGIN
    PERFORM pg_current_xact_id();
    number := nextval('audit.event_number');
    moment := clock_timestamp();
    INSERT INTO audit.event ({', '.join(trail.COLUMNS)}, content_hash)
    VALUES ({', '.join(_VALUES[name] for name in trail.COLUMNS)}, {hashed(trail.line(_VALUES))});
    RETURN number;
END $$""",
    AUDIT.seal(),
    AUDIT.record(),
    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC",
    "REVOKE ALL ON SCHEMA audit FROM PUBLIC",
]


def grants(application: str, auditor: str, sealer: str) -> list[str]:
    """The application reads and records, the auditor records checkpoints, the sealer seals (names are quoted already)."""
    return [
        f"GRANT USAGE ON SCHEMA audit TO {application}, {auditor}, {sealer}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA audit TO {application}",
        f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO {application}",
        f"GRANT EXECUTE ON FUNCTION audit.seal() TO {sealer}",
        f"GRANT EXECUTE ON FUNCTION audit.record_checkpoint(bigint, bytea, timestamptz, bytea, bytea) TO {auditor}",
    ]
