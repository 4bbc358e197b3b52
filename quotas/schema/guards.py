"""Triggers that refuse what no caller, not even the tables' owner, does to a ledger. This module is pure: it builds text."""

from collections.abc import Iterator

from quotas.schema.sealing import CHAIN_TABLES, LEDGER, Sealed

_REFUSE_CHANGE = """
CREATE FUNCTION quotas.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', HINT = 'Post a correction.';
END $$"""

#: A hold ends once: what is closed stays as it is, and of an open one nothing but its state, its end and its expiry changes.
_REFUSE_REOPENING = """
CREATE FUNCTION quotas.refuse_reopening() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.state <> 'open' OR (OLD.opened_entry, OLD.reference, OLD.holder_id, OLD.region, OLD.resource, OLD.amount)
        IS DISTINCT FROM (NEW.opened_entry, NEW.reference, NEW.holder_id, NEW.region, NEW.resource, NEW.amount)
        OR (NEW.state = 'open') <> (NEW.closed_entry IS NULL)
    THEN
        RAISE EXCEPTION 'the hold of % is %', OLD.reference, OLD.state USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$"""

#: An account is of a holder that is there, and of a place that such a holder has; none of the three is ever deleted or gets another key.
_REFUSE_STRANGERS = """
CREATE FUNCTION quotas.refuse_strangers() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM quotas.holder h JOIN quotas.place_of_kind p ON p.holder_kind = h.kind
        WHERE h.id = NEW.holder_id AND h.kind = NEW.holder_kind AND p.place = NEW.place)
    THEN
        RAISE EXCEPTION 'holder % has no place %', NEW.holder_id, NEW.place USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END $$"""

#: An account that any entry names stays; `post()` takes back one that it has just opened in vain.
_REFUSE_ORPHANS = """
CREATE FUNCTION quotas.refuse_orphans() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.balance <> 0 OR EXISTS (SELECT FROM quotas.entry e WHERE e.debit_account = OLD.id)
        OR EXISTS (SELECT FROM quotas.entry e WHERE e.credit_account = OLD.id)
    THEN
        RAISE EXCEPTION 'account % has entries', OLD.id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END $$"""


def _trigger(name: str, table: str, event: str, each: str, function: str, schema: str = "quotas") -> Iterator[str]:
    yield f"CREATE TRIGGER {name} BEFORE {event} ON {schema}.{table} FOR EACH {each} EXECUTE FUNCTION quotas.{function}()"
    yield f"ALTER TABLE {schema}.{table} ENABLE ALWAYS TRIGGER {name}"  # a session that plays replica does not slip past


def append_only(chain: Sealed) -> list[str]:
    """What guards a chain and the table that it chains: rows come and stay as they are."""
    return [
        *(
            statement
            for table in (chain.table, "seal", "checkpoint")
            for statement in _trigger("append_only", table, "UPDATE OR DELETE", "ROW", "refuse_change", chain.schema)
        ),
        *(
            statement
            for table in (chain.table, *CHAIN_TABLES)
            for statement in _trigger("not_emptied", table, "TRUNCATE", "STATEMENT", "refuse_change", chain.schema)
        ),
    ]


GUARDS = [
    _REFUSE_CHANGE,
    _REFUSE_REOPENING,
    _REFUSE_STRANGERS,
    _REFUSE_ORPHANS,
    *append_only(LEDGER),
    *_trigger("append_only", "holder_edge", "UPDATE OR DELETE", "ROW", "refuse_change"),
    *_trigger("ends_once", "hold", "UPDATE", "ROW", "refuse_reopening"),
    *_trigger("stays", "hold", "DELETE", "ROW", "refuse_change"),
    *_trigger("stays", "holder", "DELETE", "ROW", "refuse_change"),
    *_trigger("key_stays", "holder", "UPDATE OF id, kind, code", "STATEMENT", "refuse_change"),
    *_trigger("stays", "account", "DELETE", "ROW", "refuse_orphans"),
    *_trigger("of_somebody", "account", "INSERT", "ROW", "refuse_strangers"),
    # By statement: one that names a key is refused before it looks at a row, and one that changes a balance pays nothing for it.
    *_trigger("key_stays", "account", "UPDATE OF id, holder_id, holder_kind, region, resource, place", "STATEMENT", "refuse_change"),
    *(
        statement
        for table in ("holder_edge", "hold", "holder", "account")
        for statement in _trigger("not_emptied", table, "TRUNCATE", "STATEMENT", "refuse_change")
    ),
]
