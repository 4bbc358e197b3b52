"""What must hold whatever writes: triggers on decisions, acts and events. `UPGRADE` is the first revision's, `ACTS` the second's."""

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
