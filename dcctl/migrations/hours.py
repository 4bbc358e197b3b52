"""Months of `usage_hour`: partitions in a schema of their own, made and dropped by functions of the owner, and immutable once they are old.

Partitions are not in `public`, where the application is granted rights on every table: whoever writes use does so through `usage_hour`, whose rules
hold for all of its months.
"""

#: What was observed of an hour may still be completed within this time (Nova's records come after the hour, and a collector may have been away).
OPEN = "2 days"
#: No policy can drop months younger than this.
KEPT_AT_LEAST = "12 months"

UPGRADE = [
    "CREATE SCHEMA usage_months",
    """
    CREATE FUNCTION usage_month(at timestamptz) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        first timestamptz := date_trunc('month', at, 'UTC');
        following timestamptz := ((first AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
        name text := to_char(first AT TIME ZONE 'UTC', '"month_"YYYY_MM');
    BEGIN
        IF first NOT BETWEEN '2000-01-01 00:00+00' AND now() + interval '2 months' THEN
            RAISE EXCEPTION 'no month of observations: %', at USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF to_regclass('usage_months.' || name) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtextextended('dcctl usage month', 0));
            EXECUTE format('CREATE TABLE IF NOT EXISTS usage_months.%I PARTITION OF public.usage_hour FOR VALUES FROM (%L) TO (%L)',
                name, first, following);
        END IF;
    END $$
    """,
    f"""
    CREATE FUNCTION usage_forget(before timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        month record;
        dropped integer := 0;
    BEGIN
        IF before > now() - interval '{KEPT_AT_LEAST}' THEN
            RAISE EXCEPTION 'use of the last {KEPT_AT_LEAST} is kept' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        FOR month IN
            SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'usage_months' AND c.relkind = 'r' AND CASE WHEN c.relname ~ '^month_[0-9]{{4}}_[0-9]{{2}}$'
                THEN (to_date(c.relname, '"month_"YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= before ELSE false END
        LOOP
            EXECUTE format('DROP TABLE usage_months.%I', month.name);
            dropped := dropped + 1;
        END LOOP;
        DELETE FROM usage_coverage WHERE hour < before AND NOT EXISTS (SELECT FROM usage_hour u WHERE u.hour = usage_coverage.hour);
        RETURN dropped;
    END $$
    """,
    f"""
    CREATE FUNCTION refuse_old_hour() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.hour < now() - interval '{OPEN}' OR NEW.hour <> OLD.hour OR NEW.region <> OLD.region THEN
            RAISE EXCEPTION 'use of % is settled', OLD.hour USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.sampled < OLD.sampled OR NEW.project_id <> OLD.project_id OR NEW.resource <> OLD.resource THEN
            RAISE EXCEPTION 'use of % can only grow', OLD.hour USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER usage_hour_settles BEFORE UPDATE ON usage_hour FOR EACH ROW EXECUTE FUNCTION refuse_old_hour()",
    "REVOKE ALL ON FUNCTION usage_month(timestamptz), usage_forget(timestamptz) FROM PUBLIC",
]


def grants(application: str, collector: str) -> list[str]:
    """The collector adds to hours that are open; the application only reads (names are quoted already)."""
    return [
        f"REVOKE INSERT, UPDATE, DELETE ON usage_hour, usage_coverage FROM {application}",
        f"GRANT SELECT, INSERT, UPDATE ON usage_hour, usage_coverage TO {collector}",
        f"GRANT EXECUTE ON FUNCTION usage_month(timestamptz), usage_forget(timestamptz) TO {collector}",
    ]
