"""Months of `usage_hour` and of its sums: partitions in a schema of their own, made and dropped by functions of the owner, and immutable once they
are old.

Partitions are not in `public`, where the application is granted rights on every table: whoever writes use does so through `usage_hour`, whose rules
hold for all of its months. `usage_sum` is written by a trigger of that table alone.
"""

#: What was observed of an hour may still be completed within this time (Nova's records come after the hour, and a collector may have been away).
OPEN = "2 days"
#: No policy can drop months younger than this.
KEPT_AT_LEAST = "12 months"

#: Makes the month of a moment, of hours and of sums, where it is not there yet; and drops whole months.
MONTHS = [
    """
    CREATE OR REPLACE FUNCTION usage_month(at timestamptz) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        first timestamptz := date_trunc('month', at, 'UTC');
        following timestamptz := ((first AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
        month text := to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
    BEGIN
        IF first NOT BETWEEN '2000-01-01 00:00+00' AND now() + interval '2 months' THEN
            RAISE EXCEPTION 'no month of observations: %', at USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF to_regclass('usage_months.month_' || month) IS NULL OR to_regclass('usage_months.sum_' || month) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtextextended('dcctl usage month', 0));
            EXECUTE format('CREATE TABLE IF NOT EXISTS usage_months.%I PARTITION OF public.usage_hour FOR VALUES FROM (%L) TO (%L)',
                'month_' || month, first, following);
            EXECUTE format('CREATE TABLE IF NOT EXISTS usage_months.%I PARTITION OF public.usage_sum FOR VALUES FROM (%L) TO (%L)',
                'sum_' || month, first, following);
        END IF;
    END $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION usage_forget(before timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
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
            EXECUTE format('DROP TABLE IF EXISTS usage_months.%I', replace(month.name, 'month_', 'sum_'));
            dropped := dropped + 1;
        END LOOP;
        DELETE FROM usage_coverage WHERE hour < before AND NOT EXISTS (SELECT FROM usage_hour u WHERE u.hour = usage_coverage.hour);
        RETURN dropped;
    END $$
    """,
]

UPGRADE = [
    "CREATE SCHEMA usage_months",
    *MONTHS,
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

#: Stands in the place of an administration's code where all projects of the region are summed up, those of nobody among them.
EVERYBODY = "*"


def summed(rows: str) -> str:
    """A statement that adds rows of ``(administration, region, resource, hour, amount)`` to the sums; sorted, so that two collectors wait in line."""
    return f"""
        INSERT INTO usage_sum (administration, region, resource, hour, unit_seconds)
        SELECT CASE WHEN grouping(r.administration) = 1 THEN '{EVERYBODY}' ELSE r.administration END, r.region, r.resource, r.hour, sum(r.amount)
        FROM ({rows}) r (administration, region, resource, hour, amount)
        GROUP BY GROUPING SETS ((r.administration, r.region, r.resource, r.hour), (r.region, r.resource, r.hour))
        HAVING (grouping(r.administration) = 1 OR r.administration IS NOT NULL) AND sum(r.amount) <> 0
        ORDER BY 1, 2, 3, 4
        ON CONFLICT (administration, region, resource, hour) DO UPDATE SET unit_seconds = usage_sum.unit_seconds + excluded.unit_seconds"""


def _of(table: str, sign: str = "") -> str:
    """What rows of use count for: of two measures of an hour the greater."""
    return f"SELECT administration, region, resource, hour, {sign}greatest(sampled, recorded) FROM {table}"


#: What an hour's rows of all projects sum up to, kept by the statement that writes them: a month of a ministry is read as one row an hour, whatever
#: the number of its projects, and an index of a hundred million rows by administration need not be kept up to date.
SUMS = [
    """
    CREATE TABLE usage_sum (
        administration varchar NOT NULL, region varchar NOT NULL, resource varchar NOT NULL, hour timestamptz NOT NULL,
        unit_seconds bigint NOT NULL,
        PRIMARY KEY (administration, region, resource, hour) INCLUDE (unit_seconds)
    ) PARTITION BY RANGE (hour)
    """,
    *MONTHS,
    "LOCK TABLE usage_hour IN ACCESS EXCLUSIVE MODE",
    """
    SELECT usage_month(to_date(c.relname, '"month_"YYYY_MM')::timestamp AT TIME ZONE 'UTC')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'usage_months' AND c.relkind = 'r' AND c.relname ~ '^month_[0-9]{4}_[0-9]{2}$'
    """,
    summed(_of("usage_hour")),
    f"""
    CREATE FUNCTION usage_summed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            {summed(_of("fresh"))};
        ELSIF TG_OP = 'UPDATE' THEN
            {summed(_of("fresh") + " UNION ALL " + _of("former", "-"))};
        ELSE
            {summed(_of("former", "-"))};
        END IF;
        RETURN NULL;
    END $$
    """,
    *(
        f"""CREATE TRIGGER usage_hour_summed_{event.lower()} AFTER {event} ON usage_hour REFERENCING {rows}
        FOR EACH STATEMENT EXECUTE FUNCTION usage_summed()"""
        for event, rows in (
            ("INSERT", "NEW TABLE AS fresh"), ("UPDATE", "NEW TABLE AS fresh OLD TABLE AS former"), ("DELETE", "OLD TABLE AS former"),
        )
    ),
    "REVOKE ALL ON FUNCTION usage_summed() FROM PUBLIC",
    "DROP INDEX usage_hour_by_administration",
]  # fmt: skip


def grants(application: str, collector: str) -> list[str]:
    """The collector adds to hours that are open; the application only reads; the sums are the trigger's (names are quoted already)."""
    return [
        f"REVOKE INSERT, UPDATE, DELETE ON usage_hour, usage_coverage, usage_sum FROM {application}",
        f"GRANT SELECT, INSERT, UPDATE ON usage_hour, usage_coverage TO {collector}",
        f"GRANT EXECUTE ON FUNCTION usage_month(timestamptz), usage_forget(timestamptz) TO {collector}",
    ]
