"""`quotas.seal()`: chains what was committed, in an order that no late commit can be left out of. This module is pure: it builds text.

    chain_hash of position n = SHA-256(chain_hash of position n - 1, content_hash of the entry at n); before the first: 32 zero bytes

Positions have no gaps. One sealer works at a time; it chains every entry that it can see and that has no position, by id, so an entry that commits
late gets a later position. What it looks through is kept short by a mark below which nothing can appear any more: an id is drawn by a transaction
that has its own id already, so when every transaction that ran at a moment has ended, no id drawn before that moment is still to come.

The ledger's chain has another kind of link: whose an account is. It comes with the first entry that names the account, just before it, under the
account's number with a minus in the place of an entry's. So who gives an account to another holder changes the chain.

Checkpoints are signatures of a position and its chain hash by a key that none of dcctl's servers needs.

The ledger is one chain; any other table of a schema of its own may be one too, if its rows have `id` and `content_hash`, if an id is drawn from one
sequence by a transaction that has its own id already, and if rows are never changed.
"""

from dataclasses import dataclass

from quotas.content import ACCOUNTS, account_line, hashed

#: Space of the advisory lock that lets one sealer work at a time.
ALONE = 7306
#: Entries that one call chains, at most; the caller calls again.
BATCH = 10_000

#: What a table that is chained, and the chain itself, refuse of everybody.
CHAIN_TABLES = ("seal", "checkpoint", "sealed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A chain by the names of its schema, of the table whose rows it chains, and of the sequence of their ids.

    Attributes:
        number: tells the chains' advisory locks apart.
        binding: SQL that puts into `bound` and `bindings` what else is chained before the rows `ids`; numbers below zero, and hashes.
    """

    schema: str
    table: str
    sequence: str
    number: int
    binding: str = ""

    def tables(self) -> list[str]:
        return [_named(statement, self) for statement in _SEALS]

    def seal(self) -> str:
        """`SCHEMA.seal()`."""
        return _named(_SEAL.replace("BINDING", self.binding), self)

    def unsealed(self, moment: str) -> str:
        """When the rows were recorded, by that column, that are not sealed yet: above the sealer's mark, so the index is read and not the rows."""
        return _named(_UNSEALED.replace("MOMENT", moment), self)

    def record(self) -> str:
        """`SCHEMA.record_checkpoint()`: {"position": 1000} or {"faults": …}; the same checkpoint twice is one."""
        return _named(_RECORD, self)


#: The accounts of the batch that the chain does not have yet.
_BINDING = f"""SELECT array_agg(-a.id ORDER BY a.id), array_agg({hashed(account_line())} ORDER BY a.id) FROM {ACCOUNTS}
        WHERE a.id IN (
            SELECT u.id FROM quotas.entry e, LATERAL (VALUES (e.debit_account), (e.credit_account)) u (id)
            WHERE e.id = ANY (ids) AND NOT EXISTS (SELECT FROM quotas.seal s WHERE s.entry_id = -u.id)
        ) INTO bound, bindings;"""

_UNSEALED = """SELECT e.MOMENT AS recorded_at FROM CHAIN.ROWS e
    WHERE e.id > (SELECT below FROM CHAIN.sealed) AND NOT EXISTS (SELECT FROM CHAIN.seal s WHERE s.entry_id = e.id)"""

LEDGER = Sealed(schema="quotas", table="entry", sequence="entry_number", number=0, binding=_BINDING)


def _named(statement: str, chain: Sealed) -> str:
    for mark, name in (("CHAIN.", f"{chain.schema}."), ("ROWS", chain.table), ("NUMBERS", chain.sequence), ("LOCK", str(chain.number))):
        statement = statement.replace(mark, name)
    return statement


_SEALS = [
    """
CREATE TABLE CHAIN.seal (
    position bigint PRIMARY KEY CHECK (position > 0),
    entry_id bigint NOT NULL UNIQUE,
    chain_hash quotas.digest NOT NULL,
    sealed_at timestamptz NOT NULL
)""",
    # Every entry up to `below` has its position, or will never be. `candidate` becomes it once every transaction before `fence` has ended.
    "CREATE TABLE CHAIN.sealed (one boolean PRIMARY KEY CHECK (one), below bigint NOT NULL, candidate bigint NOT NULL, fence xid8 NOT NULL)",
    "INSERT INTO CHAIN.sealed VALUES (true, 0, 0, '0')",
    """
CREATE TABLE CHAIN.checkpoint (
    position bigint NOT NULL REFERENCES CHAIN.seal (position),
    chain_hash quotas.digest NOT NULL,
    signed_at timestamptz NOT NULL,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    signature bytea NOT NULL CHECK (length(signature) = 64),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (position, public_key)
)""",
]

_SEAL = f"""
CREATE FUNCTION CHAIN.seal() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_hashjoin = off AS $$
DECLARE
    mark CHAIN.sealed;
    drawn bigint;
    settled boolean;
    place bigint;
    chain bytea;
    ids bigint[];
    contents bytea[];
    bound bigint[];
    bindings bytea[];
    chains bytea[] := '{{}}';
    content bytea;
BEGIN
    PERFORM pg_advisory_xact_lock({ALONE}, LOCK);
    SELECT * FROM CHAIN.sealed INTO mark;
    SELECT CASE WHEN n.is_called THEN n.last_value ELSE 0 END FROM CHAIN.NUMBERS n INTO drawn;
    settled := mark.fence <= pg_snapshot_xmin(pg_current_snapshot());
    SELECT array_agg(e.id), array_agg(e.content_hash) FROM (
        SELECT e.id, e.content_hash FROM CHAIN.ROWS e
        WHERE e.id > mark.below AND NOT EXISTS (SELECT FROM CHAIN.seal s WHERE s.entry_id = e.id) ORDER BY e.id LIMIT {BATCH}
    ) e INTO ids, contents;
    IF ids IS NOT NULL THEN
        BINDING
        contents := bindings || contents;
        SELECT s.position, s.chain_hash FROM CHAIN.seal s ORDER BY s.position DESC LIMIT 1 INTO place, chain;
        place := coalesce(place, 0);
        chain := coalesce(chain, decode(repeat('00', 32), 'hex'));
        FOREACH content IN ARRAY contents LOOP
            chain := sha256(chain || content);
            chains := array_append(chains, chain);
        END LOOP;
        INSERT INTO CHAIN.seal (position, entry_id, chain_hash, sealed_at)
        SELECT place + t.n, t.id, t.chain, clock_timestamp() FROM unnest(bound || ids, chains) WITH ORDINALITY AS t (id, chain, n);
    END IF;
    IF settled AND (coalesce(cardinality(ids), 0) < {BATCH} OR ids[{BATCH}] >= mark.candidate) AND drawn > mark.below THEN
        UPDATE CHAIN.sealed SET below = mark.candidate, candidate = drawn, fence = pg_snapshot_xmax(pg_current_snapshot());
    END IF;
    RETURN coalesce(cardinality(ids), 0);
END $$"""

_RECORD = """
CREATE FUNCTION CHAIN.record_checkpoint(p_position bigint, p_chain_hash bytea, p_signed_at timestamptz, p_public_key bytea, p_signature bytea)
RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM CHAIN.seal s WHERE s.position = p_position AND s.chain_hash = p_chain_hash) THEN
        RETURN quotas.fault('not_this_chain', p_position::text);
    END IF;
    INSERT INTO CHAIN.checkpoint (position, chain_hash, signed_at, public_key, signature)
    VALUES (p_position, p_chain_hash, p_signed_at, p_public_key, p_signature) ON CONFLICT DO NOTHING;
    RETURN jsonb_build_object('position', p_position);
END $$"""
