"""`quotas.post()`: the one function that writes accounts, entries and holds. This module is pure: it builds text.

In this order: wait for the holders; read the moves and find holders, accounts and holds; lock the holds that end, by id, and look at them again;
open the accounts that are missing, in the order of their keys; then in one statement lock the accounts by id, decide, change the balances and write
the entries; then the holds. So every posting takes its locks in one order: holders, holds, new accounts, accounts.

The queue for a holder is the lock of its row, which no posting changes. It decides nothing: it only makes postings wait once, before they work, where
they would wait at each account and read it again; and what is found is not older than the wait. Conservation rests on the accounts' locks. Who comes
while the row is free goes before one that has still to wake up: in a queue that is strictly fair (an advisory lock) the ledger stood still for every
waking, a third of the rate on two busy cores. To read the table of holders is to wait for a move of a holder, and nobody who does so has a row.
"""

from quotas.content import COLUMNS, hashed, line
from quotas.ledger import ENDS_HOLD, MOVES, REVERSIBLE, CauseKind
from quotas.resources import LARGEST_AMOUNT
from quotas.schema.tables import HOLD_KINDS, LONGEST_NAME, counted, listed

#: Names are found where they are meant. Plans live as long as a session, and the tables may have been empty when they were made: so nothing but the
#: way by the index that fits is worth considering.
SETTINGS = """SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
    SET plan_cache_mode = force_generic_plan"""

#: More moves than this are a file: they are planned for what they are, or every two lists of them would be compared line by line.
FILE_MOVES = 256

#: Until the function ends; what is kept for other postings is not touched.
_AS_A_FILE = """
        PERFORM set_config(name, value, true) FROM (VALUES ('enable_hashjoin', 'on'), ('enable_mergejoin', 'on'), ('enable_material', 'on'),
            ('plan_cache_mode', 'force_custom_plan')) AS setting (name, value);"""

#: A move as it is understood: `debit` and `credit` are accounts (NULL: to be opened), `hold` is the open hold of its reference.
STEP = """
CREATE TYPE quotas.step AS (
    position int, kind text, payer bigint, beneficiary bigint, region text, resource text, amount bigint, reference text,
    expires_at timestamptz, reverses bigint, source text, target text, debit bigint, credit bigint, hold bigint, fault text, detail text
)"""

_ENDS = " ".join(f"WHEN '{kind}' THEN '{state}'" for kind, state in ENDS_HOLD.items())

_FAULT = f"""CASE
            WHEN m.kind = 'correct' THEN CASE
                WHEN m.reverses IS NULL OR m.reference IS NOT NULL OR m.expires_at IS NOT NULL THEN 'bad_reverses'
                WHEN e.id IS NULL THEN 'unknown_entry'
                WHEN e.kind = 'correct' THEN 'entry_is_a_reversal'
                WHEN e.kind NOT IN ({listed(REVERSIBLE)}) THEN 'entry_not_reversible'
                WHEN EXISTS (SELECT FROM quotas.entry x WHERE x.reverses = e.id) THEN 'entry_already_reversed'
            END
            WHEN m.kind IS NULL OR m.kind NOT IN ({listed(MOVES)}) THEN 'unknown_kind'
            WHEN p.id IS NULL OR b.id IS NULL THEN 'unknown_holder'
            WHEN r.kind IS NULL THEN 'wrong_holders'
            WHEN CASE r.beneficiary_is WHEN 'child' THEN b.parent_id = p.id WHEN 'parent' THEN p.parent_id = b.id ELSE p.id = b.id END IS NOT TRUE
                THEN 'not_related'
            WHEN m.amount IS NULL OR m.amount NOT BETWEEN 1 AND {LARGEST_AMOUNT} THEN 'bad_amount'
            WHEN {counted("m.resource")} IS NOT TRUE THEN 'unknown_resource'
            WHEN m.region IS NULL OR length(m.region) NOT BETWEEN 1 AND {LONGEST_NAME} THEN 'bad_region'
            WHEN m.reverses IS NOT NULL THEN 'bad_reverses'
            WHEN (m.kind IN ({HOLD_KINDS})) <> (m.reference IS NOT NULL) OR length(m.reference) NOT BETWEEN 1 AND {LONGEST_NAME} THEN 'bad_reference'
            WHEN m.expires_at IS NOT NULL AND (m.kind <> 'hold' OR m.expires_at <= clock_timestamp()) THEN 'bad_expiry'
            WHEN m.kind IN ({listed(ENDS_HOLD)}) AND h.opened_entry IS NULL THEN 'hold_not_open'
        END"""

_RESOLVE = f"""
    SELECT array_agg(u.step ORDER BY (u.step).position), bool_or((u.step).fault IS NOT NULL), bool_or((u.step).hold IS NOT NULL),
        bool_or((u.step).debit IS NULL OR (u.step).credit IS NULL), bool_or((u.step).kind = 'hold'),
        bool_or((u.step).kind = 'expire'), bool_and((u.step).kind = 'expire'), bool_or((u.step).kind = 'correct')
    FROM (SELECT ROW(
            m.position - 1, m.kind, m.payer, m.beneficiary, coalesce(e.region, m.region), coalesce(e.resource, m.resource),
            coalesce(e.amount, m.amount), m.reference, m.expires_at, m.reverses, r.source, r.target,
            coalesce(e.credit_account, d.id), coalesce(e.debit_account, c.id), h.opened_entry, {_FAULT}, NULL)::quotas.step AS step
        FROM ROWS FROM (jsonb_to_recordset(p_moves) AS (kind text, payer bigint, beneficiary bigint, region text, resource text, amount bigint,
            reference text, expires_at timestamptz, reverses bigint)) WITH ORDINALITY
            AS m (kind, payer, beneficiary, region, resource, amount, reference, expires_at, reverses, position)
        LEFT JOIN quotas.holder p ON p.id = m.payer
        LEFT JOIN quotas.holder b ON b.id = m.beneficiary
        LEFT JOIN quotas.rule r ON r.kind = m.kind AND r.payer_kind = p.kind AND r.beneficiary_kind = b.kind
        LEFT JOIN quotas.entry e ON e.id = m.reverses AND m.kind = 'correct'
        LEFT JOIN quotas.account d ON d.holder_id = m.payer AND d.region = m.region AND d.resource = m.resource AND d.place = r.source
        LEFT JOIN quotas.account c ON c.holder_id = m.beneficiary AND c.region = m.region AND c.resource = m.resource AND c.place = r.target
        LEFT JOIN quotas.hold h ON h.reference = m.reference AND h.holder_id = m.payer AND h.region = m.region AND h.resource = m.resource
            AND h.closed_entry IS NULL
    ) u
    INTO steps, faulty, ending, opening, holding, expiring, only_expiring, correcting"""

#: Ends the statement that waits for the holders of a posting.
QUEUE = "ORDER BY h.id FOR NO KEY UPDATE"

#: Of a whole file only those who pay.
_QUEUE = f"""
    PERFORM FROM quotas.holder h WHERE h.id = ANY (ARRAY(
        SELECT m.payer FROM jsonb_to_recordset(p_moves) AS m (payer bigint)
        UNION SELECT m.beneficiary FROM jsonb_to_recordset(p_moves) AS m (beneficiary bigint) WHERE NOT many
        UNION SELECT a.holder_id FROM jsonb_to_recordset(p_moves) AS m (reverses bigint)
            JOIN quotas.entry e ON e.id = m.reverses JOIN quotas.account a ON a.id IN (e.debit_account, e.credit_account))) {QUEUE}"""

_LOCK_HOLDS = """
        SELECT array_agg(l.opened_entry) FROM (
            SELECT h.opened_entry FROM quotas.hold h
            WHERE h.opened_entry = ANY (ARRAY(SELECT s.hold FROM unnest(steps) s WHERE s.kind <> 'hold' AND s.hold IS NOT NULL))
            ORDER BY h.opened_entry FOR NO KEY UPDATE
        ) l INTO ended;
        SELECT array_agg(ROW(s.position, s.kind, s.payer, s.beneficiary, s.region, s.resource, s.amount, s.reference, s.expires_at, s.reverses,
                s.source, s.target, s.debit, s.credit, s.hold,
                CASE
                    WHEN s.fault IS NOT NULL OR s.hold IS NULL THEN s.fault
                    WHEN s.kind = 'hold' THEN CASE WHEN s.hold <> ALL (coalesce(ended, '{}')) THEN 'hold_already_open' END
                    WHEN h.state <> 'open' THEN 'hold_not_open'
                    WHEN EXISTS (SELECT FROM unnest(steps) t WHERE t.hold = s.hold AND t.kind <> 'hold' AND t.position <> s.position)
                        THEN 'hold_named_twice'
                    WHEN h.amount <> s.amount THEN 'not_the_held_amount'
                    WHEN s.kind = 'allocate' AND h.expires_at <= clock_timestamp() THEN 'hold_run_out'
                    WHEN s.kind = 'expire' AND (h.expires_at > clock_timestamp()) IS NOT FALSE THEN 'hold_still_runs'
                END, s.detail)::quotas.step ORDER BY s.position)
        FROM unnest(steps) s LEFT JOIN quotas.hold h ON h.opened_entry = s.hold INTO steps;
        faulty := EXISTS (SELECT FROM unnest(steps) s WHERE s.fault IS NOT NULL);"""

_TELL_FAULTS = """
        RETURN jsonb_build_object('faults', (
            SELECT jsonb_agg(jsonb_build_object('move', s.position, 'code', s.fault, 'detail', concat_ws(' ', s.kind, s.amount, s.resource,
                s.region, coalesce(p.code, s.payer::text), '->', coalesce(b.code, s.beneficiary::text), s.reference, s.reverses))
                ORDER BY s.position)
            FROM unnest(steps) s LEFT JOIN quotas.holder p ON p.id = s.payer LEFT JOIN quotas.holder b ON b.id = s.beneficiary
            WHERE s.fault IS NOT NULL));"""

_OPEN_ACCOUNTS = """
        WITH opened AS (
            INSERT INTO quotas.account (holder_id, holder_kind, region, resource, place)
            SELECT k.holder_id, h.kind, k.region, k.resource, k.place
            FROM (SELECT s.payer AS holder_id, s.region, s.resource, s.source AS place FROM unnest(steps) s WHERE s.debit IS NULL
                UNION SELECT s.beneficiary, s.region, s.resource, s.target FROM unnest(steps) s WHERE s.credit IS NULL) k
            JOIN quotas.holder h ON h.id = k.holder_id
            ORDER BY k.holder_id, k.region, k.resource, k.place
            ON CONFLICT (holder_id, region, resource, place) DO NOTHING
            RETURNING id
        )
        SELECT array_agg(id) FROM opened INTO made;
        SELECT array_agg(ROW(s.position, s.kind, s.payer, s.beneficiary, s.region, s.resource, s.amount, s.reference, s.expires_at, s.reverses,
            s.source, s.target, coalesce(s.debit, d.id), coalesce(s.credit, c.id), s.hold, NULL, s.detail)::quotas.step ORDER BY s.position)
        FROM unnest(steps) s
        LEFT JOIN quotas.account d ON d.holder_id = s.payer AND d.region = s.region AND d.resource = s.resource AND d.place = s.source
        LEFT JOIN quotas.account c ON c.holder_id = s.beneficiary AND c.region = s.region AND c.resource = s.resource AND c.place = s.target
        INTO steps;"""

#: Of each field of an entry's line, where `_TRANSFER` has it.
_VALUES = {name: f"l.{name}" for name in COLUMNS} | {
    "posting": "number", "debit_account": "l.debit", "credit_account": "l.credit", "recorded_at": "l.moment", "actor_id": "p_actor ->> 'user_id'",
    "actor_name": "p_actor ->> 'user_name'", "actor_scope": "p_actor ->> 'scope'", "actor_audit_id": "p_actor ->> 'audit_id'",
    "cause_kind": "why", "cause_reference": "p_cause ->> 'reference'", "document": "p_cause ->> 'document'",
}  # fmt: skip

#: What a posting gives an account counts for what it takes from it: balances are judged after the whole.
_TRANSFER = f"""
    WITH step AS MATERIALIZED (
        SELECT s.* FROM unnest(steps) s
    ), change AS MATERIALIZED (
        SELECT t.account, sum(t.taken)::bigint AS taken, sum(t.given)::bigint AS given
        FROM (SELECT debit AS account, amount AS taken, 0::bigint AS given FROM step UNION ALL SELECT credit, 0, amount FROM step) t
        GROUP BY t.account
    ), balance AS MATERIALIZED (
        SELECT a.id, a.holder_id, a.holder_kind, a.region, a.resource, a.place, a.balance FROM quotas.account a
        WHERE a.id = ANY (ARRAY(SELECT account FROM change))
        ORDER BY a.id FOR NO KEY UPDATE
    ), verdict AS MATERIALIZED (
        SELECT jsonb_agg(jsonb_build_object('holder', b.holder_id, 'region', b.region, 'resource', b.resource, 'place', b.place,
                'asked', c.taken, 'available', b.balance + c.given) ORDER BY b.id)
                FILTER (WHERE b.holder_kind <> 'world' AND b.balance + c.given < c.taken) AS short,
            bool_or(b.balance + c.given - c.taken NOT BETWEEN -{LARGEST_AMOUNT} AND {LARGEST_AMOUNT}) AS beyond,
            clock_timestamp() AS moment
        FROM balance b JOIN change c ON c.account = b.id
    ), moved AS (
        UPDATE quotas.account a SET balance = a.balance + c.given - c.taken FROM change c, verdict v
        WHERE a.id = c.account AND v.short IS NULL AND NOT v.beyond
    ), line AS MATERIALIZED (
        SELECT nextval('quotas.entry_number') AS id, o.*, coalesce(p_effective_at, o.moment) AS effective_at
        FROM (SELECT s.*, v.moment FROM verdict v, step s WHERE v.short IS NULL AND NOT v.beyond ORDER BY s.position) o
    ), written AS (
        INSERT INTO quotas.entry (posting, id, kind, debit_account, credit_account, region, resource, amount, reference, reverses,
            effective_at, recorded_at, actor_id, actor_name, actor_scope, actor_audit_id, cause_kind, cause_reference, document, content_hash)
        SELECT number, l.id, l.kind, l.debit, l.credit, l.region, l.resource, l.amount, l.reference, l.reverses,
            l.effective_at, l.moment, p_actor ->> 'user_id', p_actor ->> 'user_name', p_actor ->> 'scope', p_actor ->> 'audit_id',
            why, p_cause ->> 'reference', p_cause ->> 'document', {hashed(line(_VALUES))}
        FROM line l
    )
    SELECT v.short, v.beyond, v.moment, (SELECT array_agg(l.id ORDER BY l.position) FROM line l) FROM verdict v
    INTO short, beyond, moment, entries"""

POST = f"""
CREATE FUNCTION quotas.post(p_moves jsonb, p_actor jsonb, p_cause jsonb, p_effective_at timestamptz DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER {SETTINGS} AS $$
DECLARE
    steps quotas.step[];
    faulty boolean; ending boolean; opening boolean; holding boolean; expiring boolean; only_expiring boolean; correcting boolean;
    why text := p_cause ->> 'kind';
    number bigint;
    ended bigint[];
    made bigint[];
    short jsonb;
    beyond boolean;
    moment timestamptz;
    entries bigint[];
    many boolean := jsonb_array_length(p_moves) > {FILE_MOVES};
BEGIN
    IF many THEN{_AS_A_FILE}
    END IF;
{_QUEUE};
{_RESOLVE};
    IF steps IS NULL THEN
        RETURN quotas.fault('no_moves', '');
    END IF;
    IF coalesce(p_actor ->> 'user_id', '') = '' OR coalesce(p_actor ->> 'user_name', '') = '' OR coalesce(p_actor ->> 'scope', '') = '' THEN
        RETURN quotas.fault('bad_actor', p_actor::text);
    END IF;
    IF coalesce(why, '') NOT IN ({listed(CauseKind)}) OR coalesce(p_cause ->> 'reference', '') = '' OR p_cause ->> 'document' = ''
        OR expiring AND NOT only_expiring OR expiring <> (why = 'expiry') OR correcting AND why <> 'correction'
    THEN
        RETURN quotas.fault('bad_cause', p_cause::text);
    END IF;
    IF p_effective_at > clock_timestamp() THEN
        RETURN quotas.fault('effective_in_future', p_effective_at::text);
    END IF;

    IF ending THEN{_LOCK_HOLDS}
    END IF;
    IF faulty THEN{_TELL_FAULTS}
    END IF;
    IF opening THEN{_OPEN_ACCOUNTS}
    END IF;
    number := nextval('quotas.posting_number');
{_TRANSFER};
    IF short IS NOT NULL OR beyond THEN
        IF made IS NOT NULL THEN
            DELETE FROM quotas.account WHERE id = ANY (made);
        END IF;
        RETURN CASE WHEN short IS NULL THEN quotas.fault('too_large', '') ELSE jsonb_build_object('shortfalls', short) END;
    END IF;

    IF ended IS NOT NULL THEN
        UPDATE quotas.hold h SET state = CASE s.kind {_ENDS} END, closed_entry = entries[s.position + 1]
        FROM unnest(steps) s WHERE h.opened_entry = s.hold AND s.kind <> 'hold';
    END IF;
    IF holding THEN
        INSERT INTO quotas.hold (opened_entry, reference, holder_id, region, resource, amount, expires_at)
        SELECT entries[s.position + 1], s.reference, s.payer, s.region, s.resource, s.amount, s.expires_at
        FROM unnest(steps) s WHERE s.kind = 'hold';
    END IF;
    RETURN jsonb_build_object('posting', number, 'entries', to_jsonb(entries), 'recorded_at', moment,
        'effective_at', coalesce(p_effective_at, moment));
END $$"""
