"""The ledger's tables and functions in PostgreSQL (15 or later), as statements for the migrations: `UPGRADE`, `DOWNGRADE`, `grants()`.

Everything lives in the schema `quotas` and belongs to the role that runs the migrations. The application's role may read the tables and call
the functions; it may write no table, so that direct SQL cannot break a rule either. `quotas.rule` is `ledger.MOVES`, written once.

`quotas.post(moves, actor, cause, effective_at)` returns one of
- ``{"posting": 7, "entries": [12, 13], "recorded_at": …, "effective_at": …}``,
- ``{"shortfalls": [{"holder": 3, "region": …, "resource": …, "place": …, "asked": 8, "available": 4}]}``: every account that does not suffice,
- ``{"faults": [{"move": 0, "code": "not_related", "detail": …}]}``: every move that breaks a rule,
and in the last two cases has changed nothing. Locks are taken in one order, holds, then accounts, so that two postings never wait for each other; a
transaction that wants several things puts them into one posting. Run it under READ COMMITTED.

Codes of faults: `FAULTS`. This module is pure: it builds text.
"""

from collections.abc import Sequence

from quotas.ledger import POOL, WORLD
from quotas.schema.functions import FUNCTIONS
from quotas.schema.guards import GUARDS
from quotas.schema.moving import MOVE_HOLDER
from quotas.schema.plain import PLAIN_POST, SIGNATURE
from quotas.schema.posting import POST, STEP
from quotas.schema.sealing import LEDGER as CHAIN
from quotas.schema.tables import TABLES

#: Codes of faults, with what they mean.
FAULTS = {
    "no_moves": "the posting has no move",
    "bad_actor": "the actor needs user_id, user_name and scope",
    "bad_cause": "the cause needs a kind (request, act, expiry, correction) and a reference; expire goes with expiry, correct with correction",
    "effective_in_future": "the effective time lies ahead of the database's clock",
    "unknown_kind": "there is no such kind of transfer",
    "unknown_holder": "the payer or the beneficiary does not exist",
    "wrong_holders": "this kind of transfer is not made between these kinds of holder",
    "not_related": "the beneficiary is not the payer's child, parent or itself, as this kind wants it",
    "bad_code": "the code is not lower-case letters, digits, dots, hyphens and underscores, 63 at most",
    "code_taken": "another administration has this code",
    "same_parent": "the administration has this parent already",
    "below_itself": "the new parent is the administration itself, or below it",
    "moved_since": "something was transferred here, or an edge was recorded, at or after that moment",
    "bad_amount": "the amount is not a whole number from 1 to 2**53",
    "unknown_resource": "the resource is not counted",
    "bad_region": "the region is empty or longer than 255 characters",
    "bad_reference": "a hold and its end name a reference, nothing else does",
    "bad_expiry": "only a hold has an expiry, and it lies ahead of the database's clock",
    "bad_reverses": "a correction names the entry that it reverses, nothing else does",
    "hold_already_open": "there is an open hold of this reference",
    "hold_not_open": "there is no open hold of this reference: it was never made, or was consumed, released or expired",
    "hold_named_twice": "two moves of the posting end the same hold",
    "not_the_held_amount": "a hold is ended with its whole amount",
    "hold_run_out": "the hold's time has passed; it can only be released or expired",
    "hold_still_runs": "the hold's time has not passed",
    "unknown_entry": "there is no such entry",
    "entry_is_a_reversal": "a reversal is not reversed; post what is right",
    "entry_not_reversible": "entries of a hold and its end are not reversed: release what is held, free what is allocated",
    "entry_already_reversed": "the entry is reversed already",
    "not_this_chain": "the chain does not have this hash at this position",
    "too_large": "a balance would leave the range of exact numbers, 2**53",
}

_ROOTS = f"""
INSERT INTO quotas.holder (id, kind, code, parent_id) VALUES
    ({WORLD.id}, '{WORLD.kind}', '{WORLD.code}', NULL),
    ({POOL.id}, '{POOL.kind}', '{POOL.code}', {WORLD.id})"""

#: What the application may call; every other function is the owner's alone.
CALLABLE = (
    "quotas.post(jsonb, jsonb, jsonb, timestamptz)",
    SIGNATURE,
    "quotas.open_holder(text, text, bigint)",
    "quotas.keep_holds(text, timestamptz)",
    "quotas.move_holder(bigint, bigint, timestamptz)",
)

UPGRADE: list[str] = [
    statement.strip()
    for statement in (
        *TABLES,
        *GUARDS,
        *FUNCTIONS,
        MOVE_HOLDER,
        STEP,
        POST,
        PLAIN_POST,
        CHAIN.seal(),
        CHAIN.record(),
        _ROOTS,
        "INSERT INTO quotas.holder_edge SELECT id, parent_id, opened_at FROM quotas.holder WHERE kind = 'pool'",
        "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA quotas FROM PUBLIC",
        "REVOKE ALL ON SCHEMA quotas FROM PUBLIC",
    )
]

DOWNGRADE: list[str] = ["DROP SCHEMA quotas CASCADE"]


def grants(application: str, readers: Sequence[str], *, sealer: str | None = None, auditor: str | None = None) -> list[str]:
    """Statements that let the application's role read and post, the readers read, the sealer seal and nothing else; all roles exist already.

    Args:
        auditor: may record signed checkpoints; one that is no reader needs USAGE of the schema besides.
    """
    everybody = ", ".join(_role(name) for name in (application, *readers))
    return [
        f"GRANT USAGE ON SCHEMA quotas TO {everybody}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA quotas TO {everybody}",
        *(f"GRANT EXECUTE ON FUNCTION {function} TO {_role(application)}" for function in CALLABLE),
        *([f"GRANT USAGE ON SCHEMA quotas TO {_role(sealer)}", f"GRANT EXECUTE ON FUNCTION quotas.seal() TO {_role(sealer)}"] if sealer else []),
        *([f"GRANT EXECUTE ON FUNCTION quotas.record_checkpoint(bigint, bytea, timestamptz, bytea, bytea) TO {_role(auditor)}"] if auditor else []),
    ]


def _role(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
