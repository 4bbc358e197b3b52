"""`quotas.post()` of one demand, given by typed arguments: the way that most postings go. This module is pure: it builds text.

One statement locks the accounts, decides, changes the balances and writes entries and holds. It takes a posting only when everything about it is in
order and all its accounts are there; anything else has changed nothing and is handed to the general `post()`, which opens accounts and names every
fault and shortfall. Kinds that end a hold and corrections go there at once.
"""

from collections.abc import Iterable

from quotas.content import COLUMNS, ESCAPED, NULL, TAB, TIMES, field, hashed
from quotas.ledger import ENDS_HOLD, MOVES, PLACES, CauseKind, Kinship
from quotas.resources import LARGEST_AMOUNT
from quotas.schema.posting import QUEUE, SETTINGS
from quotas.schema.tables import LONGEST_NAME, listed

#: Their places follow from the kind alone, and only the holders that may be party to them have both places: no holder need be looked up.
_WITHIN = {
    kind: rule
    for kind, rule in MOVES.items()
    if rule.beneficiary_is is Kinship.SAME
    and kind not in ENDS_HOLD
    and rule.payers == {holder for holder, places in PLACES.items() if {rule.source, rule.target} <= places}
}
_OTHERS = sorted(set(MOVES) - set(ENDS_HOLD) - set(_WITHIN))
#: What explains an entry that neither a clock nor a correction made.
_CAUSES = sorted(set(CauseKind) - {CauseKind.EXPIRY})

_PLACES = "".join(
    f"""
        WHEN '{kind}' THEN
            IF p_payer = p_beneficiary THEN
                source := '{rule.source}'; target := '{rule.target}';
            END IF;"""
    for kind, rule in _WITHIN.items()
)

_ARGUMENTS = """p_kind text, p_payer bigint, p_beneficiary bigint, p_region text, p_resources text[], p_amounts bigint[], p_reference text,
    p_expires_at timestamptz, p_actor_id text, p_actor_name text, p_actor_scope text, p_actor_audit_id text, p_cause_kind text,
    p_cause_reference text, p_document text, p_effective_at timestamptz"""
SIGNATURE = f"quotas.post({', '.join(argument.split()[1] for argument in _ARGUMENTS.split(','))})"

#: What every entry of a demand has in common is put together once, all but the times before anybody waits for it. Its texts need no escapes: one that
#: has a character which does is the general form's business.
_BEFORE_TIMES, _TIMES, _AFTER_TIMES = COLUMNS[8:10], COLUMNS[10:12], COLUMNS[12:]
_VALUES = {name: f"p_{name}" for name in COLUMNS} | {"effective_at": "effective", "recorded_at": "moment"}
_OWN = {
    "id": "l.id", "posting": "number", "kind": "p_kind", "debit_account": "l.debit", "credit_account": "l.credit", "amount": "l.amount",
    "reverses": NULL, "resource": "l.resource",
}  # fmt: skip
_LINE = f"concat_ws({TAB}, {', '.join(_OWN[name] for name in COLUMNS[:8])}, shared)"
_MAY_BE_NULL = frozenset({"reference", "actor_audit_id", "document"})


def _plainly(names: Iterable[str]) -> str:
    """The SQL of fields that need no escapes, with tabs between them."""
    return ", ".join(
        field(name, _VALUES[name]) if name in TIMES else f"coalesce({_VALUES[name]}, {NULL})" if name in _MAY_BE_NULL else _VALUES[name]
        for name in names
    )


_TEXTS = f"concat(array_to_string(p_resources, ' '), {', '.join(_VALUES[name] for name in (*_BEFORE_TIMES, *_AFTER_TIMES))})"

_TRANSFER = f"""
    WITH locked AS MATERIALIZED (
        SELECT a.id, a.balance, a.holder_kind, a.region, a.resource, array_position(p_resources, a.resource::text) AS position,
            CASE WHEN a.holder_id = p_payer AND a.place = source THEN -1 WHEN a.holder_id = p_beneficiary AND a.place = target THEN 1 END AS sign
        FROM quotas.account a
        WHERE a.holder_id = ANY (ARRAY[p_payer, p_beneficiary]) AND a.region = p_region AND a.resource = ANY (p_resources)
            AND a.place = ANY (ARRAY[source, target])
        ORDER BY a.id FOR NO KEY UPDATE OF a
    ), verdict AS MATERIALIZED (
        SELECT bool_and((l.balance + p_amounts[l.position] * l.sign
                BETWEEN CASE l.holder_kind WHEN 'world' THEN -{LARGEST_AMOUNT} ELSE 0 END AND {LARGEST_AMOUNT}) IS TRUE)
            AND count(l.sign) = 2 * cardinality(p_resources) AND NOT (p_kind = 'hold' AND EXISTS (
                SELECT FROM quotas.hold h WHERE h.reference = p_reference AND h.holder_id = p_payer AND h.region = p_region
                    AND h.resource = ANY (p_resources) AND h.closed_entry IS NULL)) AS good FROM locked l
    ), moved AS (
        UPDATE quotas.account a SET balance = a.balance + p_amounts[l.position] * l.sign FROM locked l, verdict v WHERE a.id = l.id AND v.good
    ), line AS MATERIALIZED (
        SELECT nextval('quotas.entry_number') AS id, o.* FROM (
            SELECT d.id AS debit, c.id AS credit, d.region, d.resource, p_amounts[d.position] AS amount
            FROM verdict v, locked d JOIN locked c ON c.position = d.position
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
        AND p_cause_reference <> '' AND coalesce(p_document, '-') <> '' AND array_ndims(p_resources) = 1
        AND cardinality(p_resources) = cardinality(p_amounts) AND 1 <= ALL (p_amounts) AND {LARGEST_AMOUNT} >= ALL (p_amounts)
        AND (p_reference IS NOT NULL) = (p_kind = 'hold') AND coalesce(length(p_reference), 1) BETWEEN 1 AND {LONGEST_NAME}
        AND (p_expires_at IS NULL OR p_kind = 'hold') AND {_TEXTS} = translate({_TEXTS}, {ESCAPED}, '')) IS NOT TRUE
    THEN
        RETURN {_GENERAL};
    END IF;

    number := nextval('quotas.posting_number');
    shared := concat_ws({TAB}, {_plainly(_AFTER_TIMES)});
    PERFORM FROM quotas.holder h WHERE h.id = ANY (ARRAY[p_payer, p_beneficiary]) {QUEUE};
    moment := clock_timestamp();
    effective := coalesce(p_effective_at, moment);
    IF effective > moment OR p_expires_at <= moment THEN
        RETURN {_GENERAL};
    END IF;
    shared := concat_ws({TAB}, {_plainly(_BEFORE_TIMES + _TIMES)}, shared);
{_TRANSFER};
    IF entries IS NULL THEN
        RETURN {_GENERAL};
    END IF;
    RETURN jsonb_build_object('posting', number, 'entries', to_jsonb(entries), 'recorded_at', moment, 'effective_at', effective);
END $$"""
