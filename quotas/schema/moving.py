"""`quotas.move_holder()`: an administration gets another parent, as a dated edge. This module is pure: it builds text.

What a parent was granted is what all below it still has, so a subtree may only change parents while it has nothing at all: then no sum of either
parent changes, today and as of any day since the edge's date. The table of holders is locked whole for that moment: a posting reads it before
anything else and keeps that lock to its end, so none is half way between the old edge and the new.
"""

#: Seconds that a move waits for postings in flight before it gives up; whoever comes after it waits too.
PATIENCE = "5s"

MOVE_HOLDER = f"""
CREATE FUNCTION quotas.move_holder(p_holder bigint, p_parent bigint, p_from timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '{PATIENCE}' AS $$
DECLARE
    moved quotas.holder;
    subtree bigint[];
    accounts bigint[];
    still_out jsonb;
    latest timestamptz;
    since timestamptz;
BEGIN
    LOCK TABLE quotas.holder IN ACCESS EXCLUSIVE MODE;
    SELECT * FROM quotas.holder WHERE id = p_holder INTO moved;
    IF moved.kind IS DISTINCT FROM 'administration' OR NOT EXISTS (
        SELECT FROM quotas.holder p JOIN quotas.kinship k ON k.kind = moved.kind AND k.parent_kind = p.kind WHERE p.id = p_parent)
    THEN
        RETURN quotas.fault('wrong_holders', concat_ws(' ', p_holder, 'of', p_parent));
    END IF;
    IF moved.parent_id = p_parent THEN
        RETURN quotas.fault('same_parent', moved.code);
    END IF;
    IF EXISTS (
        WITH RECURSIVE above (id) AS (
            SELECT p_parent UNION ALL SELECT h.parent_id FROM quotas.holder h JOIN above ON h.id = above.id WHERE h.parent_id IS NOT NULL)
        SELECT FROM above WHERE id = p_holder)
    THEN
        RETURN quotas.fault('below_itself', moved.code);
    END IF;

    WITH RECURSIVE below (id) AS (
        SELECT p_holder UNION ALL SELECT h.id FROM quotas.holder h JOIN below ON h.parent_id = below.id)
    SELECT array_agg(id) FROM below INTO subtree;
    SELECT array_agg(a.id) FROM quotas.account a WHERE a.holder_id = ANY (subtree) INTO accounts;
    SELECT jsonb_agg(jsonb_build_object('holder', a.holder_id, 'region', a.region, 'resource', a.resource, 'amount', a.balance) ORDER BY a.id)
        FROM quotas.account a WHERE a.id = ANY (accounts) AND a.balance <> 0 INTO still_out;
    IF still_out IS NOT NULL THEN
        RETURN jsonb_build_object('still_out', still_out);
    END IF;

    since := coalesce(p_from, clock_timestamp());
    IF since > clock_timestamp() THEN
        RETURN quotas.fault('effective_in_future', since::text);
    END IF;
    -- Since that day nothing may have been transferred here, and nobody may have come or gone: it would change what was true in between.
    SELECT max(greatest(e.effective_from, e.recorded_at)) FROM quotas.holder_edge e
        WHERE e.holder_id = ANY (subtree) OR (p_from IS NOT NULL AND e.holder_id = p_parent)
            OR e.holder_id IN (SELECT b.holder_id FROM quotas.holder_edge b WHERE b.parent_id = ANY (subtree)) INTO latest;
    SELECT greatest(latest, max(m.at)) FROM (
        SELECT (SELECT max(e.effective_at) FROM quotas.entry e WHERE e.debit_account = a.id) AS at FROM unnest(accounts) AS a (id)
        UNION ALL SELECT (SELECT max(e.effective_at) FROM quotas.entry e WHERE e.credit_account = a.id) FROM unnest(accounts) AS a (id)
    ) m INTO latest;
    IF since <= latest THEN
        RETURN quotas.fault('moved_since', latest::text);
    END IF;
    INSERT INTO quotas.holder_edge (holder_id, parent_id, effective_from) VALUES (p_holder, p_parent, since);
    UPDATE quotas.holder SET parent_id = p_parent WHERE id = p_holder;
    RETURN jsonb_build_object('holder', p_holder, 'effective_from', since);
END $$"""
