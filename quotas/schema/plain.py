"""`quotas.post()` of one demand, given by typed arguments: the way that most postings go. This module is pure: it builds text.

One statement locks the accounts, decides, changes the balances and writes entries and holds. It takes a posting only when everything about it is in
order and all its accounts are there; anything else has changed nothing and is handed to the general `post()`, which opens accounts and names every
fault and shortfall. Kinds that end a hold and corrections go there at once.
"""

from quotas.content import COLUMNS, TAB, field, hashed, line
from quotas.ledger import ENDS_HOLD, MOVES, PLACES, CauseKind, Kinship
from quotas.resources import LARGEST_AMOUNT
from quotas.schema.posting import QUEUE, SETTINGS
from quotas.schema.tables import LONGEST_NAME, listed

#: Their places follow from the kind alone, and only the holders that may be party to them have both places: no holder need be looked up.
_OWN = {
    kind: rule
    for kind, rule in MOVES.items()
    if rule.beneficiary_is is Kinship.SAME
    and kind not in ENDS_HOLD
    and rule.payers == {holder for holder, places in PLACES.items() if {rule.source, rule.target} <= places}
}
_OTHERS = sorted(set(MOVES) - set(ENDS_HOLD) - set(_OWN))
#: What explains an entry that neither a clock nor a correction made.
_CAUSES = sorted(set(CauseKind) - {CauseKind.EXPIRY})

_PLACES = "".join(
    f"""
        WHEN '{kind}' THEN
            IF p_payer = p_beneficiary THEN
                LOCK TABLE quotas.holder IN ACCESS SHARE MODE;
                source := '{rule.source}'; target := '{rule.target}';
            END IF;"""
    for kind, rule in _OWN.items()
)

_ARGUMENTS = """p_kind text, p_payer bigint, p_beneficiary bigint, p_region text, p_resources text[], p_amounts bigint[], p_reference text,
    p_expires_at timestamptz, p_actor_id text, p_actor_name text, p_actor_scope text, p_actor_audit_id text, p_cause_kind text,
    p_cause_reference text, p_document text, p_effective_at timestamptz"""
SIGNATURE = f"quotas.post({', '.join(argument.split()[1] for argument in _ARGUMENTS.split(','))})"

#: The same for all entries of a demand, so it is put together once.
_SHARED = COLUMNS[8:]
_VALUES = {name: f"p_{name}" for name in COLUMNS} | {"effective_at": "effective", "recorded_at": "moment"}
_OWN_VALUES = {
    "id": "l.id", "posting": "number", "kind": "p_kind", "debit_account": "l.debit", "credit_account": "l.credit", "amount": "l.amount",
    "reverses": "NULL::bigint", "resource": "l.resource",
}  # fmt: skip
_LINE = f"concat_ws({TAB}, {', '.join(field(name, _OWN_VALUES[name]) for name in COLUMNS[:8])}, shared)"

_TRANSFER = f"""
    WITH locked AS MATERIALIZED (
        SELECT a.id, a.balance, a.holder_kind, a.region, a.resource, t.position, t.amount, w.sign, t.amount * w.sign AS change
        FROM unnest(p_resources, p_amounts) WITH ORDINALITY AS t (resource, amount, position)
        CROSS JOIN (VALUES (p_payer, source, -1), (p_beneficiary, target, 1)) AS w (holder, place, sign)
        JOIN quotas.account a ON a.holder_id = w.holder AND a.region = p_region AND a.resource = t.resource AND a.place = w.place
        ORDER BY a.id FOR NO KEY UPDATE OF a
    ), verdict AS MATERIALIZED (
        SELECT bool_and(((l.balance + l.change >= 0 OR l.holder_kind = 'world')
            AND l.balance + l.change BETWEEN -{LARGEST_AMOUNT} AND {LARGEST_AMOUNT} AND l.amount BETWEEN 1 AND {LARGEST_AMOUNT}) IS TRUE)
            AND count(DISTINCT l.id) = 2 * cardinality(p_resources) AS good FROM locked l
    ), moved AS (
        UPDATE quotas.account a SET balance = a.balance + l.change FROM locked l, verdict v WHERE a.id = l.id AND v.good
    ), line AS MATERIALIZED (
        SELECT nextval('quotas.entry_number') AS id, o.* FROM (
            SELECT d.id AS debit, c.id AS credit, d.region, d.resource, d.amount FROM verdict v, locked d JOIN locked c ON c.position = d.position
            WHERE d.sign < 0 AND c.sign > 0 AND v.good ORDER BY d.position) o
    ), written AS (
        INSERT INTO quotas.entry (id, posting, kind, debit_account, credit_account, region, resource, amount, reference, effective_at, recorded_at,
            actor_id, actor_name, actor_scope, actor_audit_id, cause_kind, cause_reference, document, content_hash)
        SELECT l.id, number, p_kind, l.debit, l.credit, l.region, l.resource, l.amount, p_reference, effective, moment,
            p_actor_id, p_actor_name, p_actor_scope, p_actor_audit_id, p_cause_kind, p_cause_reference, p_document, {hashed(_LINE)}
        FROM line l
    ), held AS (
        INSERT INTO quotas.hold (opened_entry, reference, holder_id, region, resource, amount, expires_at)
        SELECT l.id, p_reference, p_payer, l.region, l.resource, l.amount, p_expires_at FROM line l WHERE p_kind = 'hold'
    )
    SELECT array_agg(l.id) FROM line l INTO entries"""

#: The same posting in the words of the general `post()`.
_GENERAL = """quotas.post(
        (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('kind', p_kind, 'payer', p_payer, 'beneficiary', p_beneficiary,
            'region', p_region, 'resource', t.resource, 'amount', t.amount, 'reference', p_reference, 'expires_at', p_expires_at))
            ORDER BY t.position), '[]') FROM unnest(p_resources, p_amounts) WITH ORDINALITY AS t (resource, amount, position)),
        jsonb_build_object('user_id', p_actor_id, 'user_name', p_actor_name, 'scope', p_actor_scope, 'audit_id', p_actor_audit_id),
        jsonb_build_object('kind', p_cause_kind, 'reference', p_cause_reference, 'document', p_document), p_effective_at)"""

PLAIN_POST = f"""
CREATE FUNCTION quotas.post({_ARGUMENTS}) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER {SETTINGS} AS $$
DECLARE
    source text; target text;
    number bigint;
    waited boolean;
    moment timestamptz;
    effective timestamptz;
    shared text;
    entries bigint[];
BEGIN
    CASE p_kind{_PLACES}
        WHEN {listed(_OTHERS)} THEN
            SELECT r.source, r.target FROM quotas.holder p JOIN quotas.holder b ON b.id = p_beneficiary
                JOIN quotas.rule r ON r.kind = p_kind AND r.payer_kind = p.kind AND r.beneficiary_kind = b.kind
            WHERE p.id = p_payer AND CASE r.beneficiary_is WHEN 'child' THEN b.parent_id = p.id WHEN 'parent' THEN p.parent_id = b.id END
            INTO source, target;
        ELSE
    END CASE;
    IF source IS NULL OR (p_actor_id <> '' AND p_actor_name <> '' AND p_actor_scope <> '' AND p_cause_kind IN ({listed(_CAUSES)})
        AND p_cause_reference <> '' AND coalesce(p_document, '-') <> '' AND cardinality(p_resources) > 0
        AND cardinality(p_resources) = cardinality(p_amounts)
        AND (p_reference IS NOT NULL) = (p_kind = 'hold') AND coalesce(length(p_reference), 1) BETWEEN 1 AND {LONGEST_NAME}
        AND (p_expires_at IS NULL OR p_kind = 'hold')) IS NOT TRUE
    THEN
        RETURN {_GENERAL};
    END IF;

    -- Assignments, since a PERFORM is a query of its own; what they say is nothing.
    waited := pg_advisory_xact_lock({QUEUE}, (least(p_payer, p_beneficiary) % 2147483647)::int) IS NULL;
    IF p_payer <> p_beneficiary THEN
        waited := pg_advisory_xact_lock({QUEUE}, (greatest(p_payer, p_beneficiary) % 2147483647)::int) IS NULL;
    END IF;
    moment := clock_timestamp();
    effective := coalesce(p_effective_at, moment);
    IF effective > moment OR p_expires_at <= moment OR EXISTS (
        SELECT FROM quotas.hold h WHERE p_kind = 'hold' AND h.reference = p_reference AND h.holder_id = p_payer AND h.region = p_region
            AND h.resource = ANY (p_resources) AND h.closed_entry IS NULL)
    THEN
        RETURN {_GENERAL};
    END IF;
    number := nextval('quotas.posting_number');
    shared := {line(_VALUES, _SHARED)};
{_TRANSFER};
    IF entries IS NULL THEN
        RETURN {_GENERAL};
    END IF;
    RETURN jsonb_build_object('posting', number, 'entries', to_jsonb(entries), 'recorded_at', moment, 'effective_at', effective);
END $$"""
