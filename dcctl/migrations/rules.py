"""What must hold whatever writes: triggers on decisions and events. Used by the first revision."""

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
