"""What must hold whatever writes: triggers on decisions, acts and events. `UPGRADE` is the first revision's, `ACTS` the second's,
`DECIDING` that of the policy as data, `BOUND` that of what a decision binds.
"""

UPGRADE = [
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("decision", "event", "act")
    ),
    """
    CREATE FUNCTION refuse_own_decision() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM request WHERE number = NEW.request AND requester_id = NEW.user_id) THEN
            RAISE EXCEPTION 'the requester of % cannot decide on it', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM request WHERE number = NEW.request AND digest IS DISTINCT FROM NEW.digest) AND NEW.verdict = 'approve' THEN
            RAISE EXCEPTION 'the digest is not the current one of %', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER decision_four_eyes BEFORE INSERT ON decision FOR EACH ROW EXECUTE FUNCTION refuse_own_decision()",
]

ACTS = [
    "CREATE TRIGGER act_decision_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON act_decision"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    """
    CREATE FUNCTION refuse_own_act() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        asked act;
    BEGIN
        SELECT * FROM act WHERE number = NEW.act INTO asked;
        IF NOT asked.waits THEN
            RAISE EXCEPTION '% does not wait for anybody', NEW.act USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.user_id IS DISTINCT FROM NEW.actor ->> 'user_id' THEN
            RAISE EXCEPTION 'the decision on % names two people', NEW.act USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.verdict = 'approve' AND (asked.actor ->> 'user_id' IS NULL OR asked.actor ->> 'user_id' = NEW.user_id) THEN
            RAISE EXCEPTION 'whoever asked for % cannot approve it', NEW.act USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.verdict = 'approve' AND asked.digest IS DISTINCT FROM NEW.digest THEN
            RAISE EXCEPTION 'the digest is not that of %', NEW.act USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER act_decision_four_eyes BEFORE INSERT ON act_decision FOR EACH ROW EXECUTE FUNCTION refuse_own_act()",
    # An act says that it waits exactly when it is beyond a threshold.
    "ALTER TABLE act ADD CONSTRAINT act_waits_when_over CHECK (waits = (over <> '{}'::jsonb))",
]

#: Whose word a request needs is written down with it (`needs`); it leads nowhere without that.
DECIDING = [
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("policy", "emergency_review")
    ),
    """
    CREATE OR REPLACE FUNCTION refuse_own_decision() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        asked request;
    BEGIN
        -- Whoever decides on the same request at the same instant waits here, and is then judged by what the other left.
        SELECT * FROM request WHERE number = NEW.request FOR NO KEY UPDATE INTO asked;
        IF NEW.user_id = asked.requester_id OR asked.authors ? NEW.user_id THEN
            RAISE EXCEPTION 'the requester of % cannot decide on it', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF asked.digest IS DISTINCT FROM NEW.digest AND NEW.verdict = 'approve' THEN
            RAISE EXCEPTION 'the digest is not the current one of %', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF asked.state <> 'in_review' OR asked.round <> NEW.round THEN
            RAISE EXCEPTION '% is not in review, or not in that round', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.user_id IS DISTINCT FROM NEW.actor ->> 'user_id' THEN
            RAISE EXCEPTION 'the decision on % names two people', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF starts_with(NEW.user_id, 'policy:') THEN
            IF NEW.verdict <> 'approve' OR NEW.user_id IS DISTINCT FROM 'policy:' || NEW.policy OR asked.policy IS DISTINCT FROM NEW.policy
                OR asked.needs <> '[]' OR NOT EXISTS (SELECT FROM policy WHERE version = NEW.policy)
            THEN
                RAISE EXCEPTION 'a policy does not decide on %', NEW.request USING ERRCODE = 'integrity_constraint_violation';
            END IF;
        ELSIF NEW.role IS NULL OR NOT coalesce(NEW.actor -> 'roles' ? NEW.role, false) THEN
            RAISE EXCEPTION 'the decision on % is by nobody who may', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        ELSIF NOT NEW.emergency AND NEW.verdict = 'approve' AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(asked.needs) AS need (one)
            WHERE one ->> 'role' = NEW.role AND one ->> 'administration' = NEW.administration
            HAVING count(*) > (SELECT count(*) FROM decision d WHERE d.request = NEW.request AND d.round = NEW.round AND d.verdict = 'approve'
                AND d.role = NEW.role AND d.administration = NEW.administration))
        THEN
            RAISE EXCEPTION 'nobody is needed so to decide on %', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION is_decided(asked request) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (SELECT FROM decision d WHERE d.request = asked.number AND d.round = asked.round AND d.verdict = 'approve'
                AND (d.emergency OR asked.needs = '[]' AND starts_with(d.user_id, 'policy:')))
            OR asked.needs <> '[]' AND NOT EXISTS (
                SELECT FROM (
                    SELECT one ->> 'role' AS role, one ->> 'administration' AS administration, count(*) AS wanted
                    FROM jsonb_array_elements(asked.needs) AS need (one) GROUP BY 1, 2
                ) w
                WHERE w.wanted > (SELECT count(*) FROM decision d WHERE d.request = asked.number AND d.round = asked.round
                    AND d.verdict = 'approve' AND d.role = w.role AND d.administration = w.administration))
    $$
    """,
    """
    CREATE FUNCTION refuse_undecided() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        decided text[] := ARRAY['proposed', 'approved', 'fulfilling', 'fulfilled'];
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF NEW.requester_id <> OLD.requester_id OR NOT NEW.authors @> OLD.authors OR NEW.round < OLD.round OR NEW.kind <> OLD.kind
                OR NEW.administration <> OLD.administration
            THEN
                RAISE EXCEPTION 'who asked for % and for whom is not changed', NEW.number USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            IF NEW.needs <> OLD.needs AND OLD.state NOT IN ('submitted', 'returned') THEN
                RAISE EXCEPTION 'what % needs is not changed while it is decided', NEW.number USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            IF OLD.state = ANY (decided) AND OLD.state <> 'proposed' THEN
                RETURN NEW;
            END IF;
        END IF;
        IF NEW.state = ANY (decided) AND NOT is_decided(NEW) THEN
            RAISE EXCEPTION '% was not decided by those whom it needs', NEW.number USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER request_decided BEFORE INSERT OR UPDATE ON request FOR EACH ROW EXECUTE FUNCTION refuse_undecided()",
    """
    CREATE FUNCTION refuse_own_review() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.user_id IS DISTINCT FROM NEW.actor ->> 'user_id' THEN
            RAISE EXCEPTION 'the review of % names two people', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NOT EXISTS (SELECT FROM decision WHERE request = NEW.request AND emergency) THEN
            RAISE EXCEPTION '% was not decided in an emergency', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF EXISTS (SELECT FROM decision WHERE request = NEW.request AND emergency AND user_id = NEW.user_id)
            OR EXISTS (SELECT FROM request WHERE number = NEW.request AND (requester_id = NEW.user_id OR authors ? NEW.user_id))
        THEN
            RAISE EXCEPTION 'somebody else reviews %', NEW.request USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER emergency_review_four_eyes BEFORE INSERT ON emergency_review FOR EACH ROW EXECUTE FUNCTION refuse_own_review()",
    # A version of an offer is what it was; it can only be retired, once.
    """
    CREATE FUNCTION refuse_other_offer() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR OLD.retired_at IS NOT NULL OR NEW.retired_at IS NULL
            OR (NEW.name, NEW.version, NEW.document, NEW.published_at) IS DISTINCT FROM (OLD.name, OLD.version, OLD.document, OLD.published_at)
        THEN
            RAISE EXCEPTION 'a version of an offer is not changed' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER offer_immutable BEFORE UPDATE OR DELETE ON offer FOR EACH ROW EXECUTE FUNCTION refuse_other_offer()",
]

#: What a digest covers is changed before anybody decides on it, or after a return, and never while or after it is decided; what is granted, and the
#: digest with it, only as a decision of the round says.
BOUND = [
    """
    CREATE FUNCTION refuse_other_wish() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- Where it may be changed, no decision counts: a return ends a round, and another round begins with none.
        IF NEW.state <> OLD.state AND (
            NEW.state = 'submitted' AND EXISTS (SELECT FROM decision d WHERE d.request = NEW.number AND d.round = NEW.round)
            OR NEW.state = 'returned' AND OLD.state <> 'in_review'
            OR NEW.state = 'in_review' AND OLD.state <> 'submitted'
            OR OLD.state = 'returned' AND NEW.state NOT IN ('submitted', 'withdrawn', 'lapsed'))
        THEN
            RAISE EXCEPTION '% does not lead from % to %', NEW.number, OLD.state, NEW.state USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF OLD.state IN ('submitted', 'returned') THEN
            RETURN NEW;
        END IF;
        IF (NEW.spec, NEW.demand, NEW.offer, NEW.offer_version, NEW.resolved, NEW.plan, NEW.steps, NEW.environment)
            IS DISTINCT FROM (OLD.spec, OLD.demand, OLD.offer, OLD.offer_version, OLD.resolved, OLD.plan, OLD.steps, OLD.environment)
        THEN
            RAISE EXCEPTION 'what % asks for is not changed once it is examined', NEW.number USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF (NEW.digest, NEW.granted) IS DISTINCT FROM (OLD.digest, OLD.granted) AND NOT (
            OLD.state = 'in_review' AND NEW.granted IS DISTINCT FROM OLD.granted AND jsonb_typeof(NEW.granted) = 'object' AND NEW.digest IS NOT NULL
            AND EXISTS (SELECT FROM decision d WHERE d.request = NEW.number AND d.round = NEW.round AND d.verdict = 'approve'
                AND d.granted = NEW.granted))
        THEN
            RAISE EXCEPTION 'what is granted of % is what a decision says', NEW.number USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER request_bound BEFORE UPDATE ON request FOR EACH ROW EXECUTE FUNCTION refuse_other_wish()",
]
