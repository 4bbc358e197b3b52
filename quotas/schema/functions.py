"""The smaller functions of the ledger: faults as values, opening a holder, keeping a hold. This module is pure: it builds text."""

from quotas.schema.tables import CODE_PATTERN

FUNCTIONS = [
    """
CREATE FUNCTION quotas.fault(p_code text, p_detail text) RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('faults', jsonb_build_array(jsonb_build_object('move', NULL, 'code', p_code, 'detail', p_detail)))
$$""",
    # Idempotent: the same kind, code and parent is the same holder. {"holder": 14} or {"faults": …}.
    f"""
CREATE FUNCTION quotas.open_holder(p_kind text, p_code text, p_parent bigint) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_id bigint;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('administration', 'environment') OR NOT EXISTS (
        SELECT FROM quotas.holder p JOIN quotas.kinship k ON k.kind = p_kind AND k.parent_kind = p.kind WHERE p.id = p_parent)
    THEN
        RETURN quotas.fault('wrong_holders', concat_ws(' ', p_kind, p_code, 'of', p_parent));
    END IF;
    IF p_code IS NULL OR p_code !~ '{CODE_PATTERN}' THEN
        RETURN quotas.fault('bad_code', coalesce(p_code, ''));
    END IF;
    WITH opened AS (
        INSERT INTO quotas.holder (kind, code, parent_id) VALUES (p_kind, p_code, p_parent)
        ON CONFLICT DO NOTHING RETURNING id, parent_id, opened_at
    ), dated AS (
        INSERT INTO quotas.holder_edge (holder_id, parent_id, effective_from) SELECT id, parent_id, opened_at FROM opened
    )
    SELECT id FROM opened INTO found_id;
    IF found_id IS NULL THEN
        SELECT id FROM quotas.holder WHERE kind = p_kind AND code = p_code AND parent_id = p_parent INTO found_id;
    END IF;
    IF found_id IS NULL THEN
        RETURN quotas.fault('code_taken', p_code);
    END IF;
    RETURN jsonb_build_object('holder', found_id);
END $$""",
    # Moves or clears the expiry of a reference's open holds; one that has run out stays run out. {"holds": 3} or {"faults": …}.
    """
CREATE FUNCTION quotas.keep_holds(p_reference text, p_expires_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found bigint;
    late bigint;
BEGIN
    IF p_expires_at <= clock_timestamp() THEN
        RETURN quotas.fault('bad_expiry', p_expires_at::text);
    END IF;
    WITH open AS MATERIALIZED (
        SELECT h.expires_at FROM quotas.hold h WHERE h.reference = p_reference AND h.state = 'open' ORDER BY h.opened_entry FOR NO KEY UPDATE
    )
    SELECT count(*), count(*) FILTER (WHERE expires_at <= clock_timestamp()) FROM open INTO found, late;
    IF found = 0 THEN
        RETURN quotas.fault('hold_not_open', p_reference);
    END IF;
    IF late > 0 THEN
        RETURN quotas.fault('hold_run_out', p_reference);
    END IF;
    UPDATE quotas.hold SET expires_at = p_expires_at WHERE reference = p_reference AND state = 'open';
    RETURN jsonb_build_object('holds', found);
END $$""",
]
