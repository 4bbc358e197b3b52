"""The statements that the migrations run."""

import re

from quotas import schema
from quotas.schema.plain import PLAIN_POST, SIGNATURE
from quotas.schema.posting import POST


def test_the_application_is_granted_reading_and_the_callable_functions_and_no_writing() -> None:
    statements = schema.grants("dcctl_application", ["dcctl_exporter", 'odd"name'])

    assert statements == [
        'GRANT USAGE ON SCHEMA quotas TO "dcctl_application", "dcctl_exporter", "odd""name"',
        'GRANT SELECT ON ALL TABLES IN SCHEMA quotas TO "dcctl_application", "dcctl_exporter", "odd""name"',
        'GRANT EXECUTE ON FUNCTION quotas.post(jsonb, jsonb, jsonb, timestamptz) TO "dcctl_application"',
        f'GRANT EXECUTE ON FUNCTION {SIGNATURE} TO "dcctl_application"',
        'GRANT EXECUTE ON FUNCTION quotas.open_holder(text, text, bigint) TO "dcctl_application"',
        'GRANT EXECUTE ON FUNCTION quotas.keep_holds(text, timestamptz) TO "dcctl_application"',
        'GRANT EXECUTE ON FUNCTION quotas.move_holder(bigint, bigint, timestamptz) TO "dcctl_application"',
    ]


def test_every_function_of_the_owner_finds_names_where_they_are_meant() -> None:
    functions = [statement for statement in schema.UPGRADE if statement.startswith("CREATE FUNCTION") and "quotas.sound(" not in statement]
    # `sound` is the body of a CHECK: it looks at its arguments only, and whoever may insert has set the path (a function of its own costs a posting).
    assert functions
    assert all("SET search_path = pg_catalog, pg_temp" in statement for statement in functions)


def test_every_code_that_the_functions_answer_is_explained_and_the_other_way_round() -> None:
    functions = "\n".join(statement for statement in schema.UPGRADE if statement.startswith("CREATE FUNCTION"))
    answered = set(re.findall(r"(?:THEN|fault\() ?'([a-z]+_[a-z_]+)'", functions))
    assert answered == set(schema.FAULTS)


def test_locks_are_taken_in_the_order_of_ids() -> None:
    """Holders, holds, accounts; and no row is locked in another way."""
    for function, order in ((POST, ["h.id", "h.opened_entry", "a.id"]), (PLAIN_POST, ["h.id", "a.id"])):
        assert re.findall(r"ORDER BY (\S+) FOR NO KEY UPDATE", function) == order
        assert function.count("FOR NO KEY UPDATE") == len(order)
