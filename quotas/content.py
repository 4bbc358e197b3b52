"""What of an entry is hashed: its canonical line. This module is pure: it builds text. Other chains hash lines of the same form.

The line has the fields of `COLUMNS` in this order, separated by one tab, in UTF-8, without a line's end. NULL is ``\\N``; numbers are decimal; times
are whole microseconds since 1970-01-01T00:00:00Z; in texts a backslash is ``\\\\``, a tab ``\\t`` and a line feed ``\\n``. So no two entries have one
line, and any language recomputes it. `content_hash` is the SHA-256 of the line. `quotas.chain` reads the same form.

An entry names two accounts by their numbers. Whose they are is a line of its own (`ACCOUNT`), which the chain has once, before the first entry that
names the account: nothing of it ever changes, and no entry's line begins with its first word.
"""

#: The fields, in the order of the line. The first ones differ between the entries of one demand, the others do not.
COLUMNS = (
    "id", "posting", "kind", "debit_account", "credit_account", "amount", "reverses", "resource",
    "region", "reference", "effective_at", "recorded_at", "actor_id", "actor_name", "actor_scope", "actor_audit_id",
    "cause_kind", "cause_reference", "document",
)  # fmt: skip
TEXTS = frozenset(COLUMNS[7:10]) | frozenset(COLUMNS[12:])
TIMES = frozenset(COLUMNS[10:12])

#: The line of an account; its first field is the word itself.
ACCOUNT = ("account", "id", "holder_id", "holder", "holder_kind", "region", "resource", "place")

#: One tab, as SQL.
TAB = "E'\\t'"
#: What stands for NULL.
NULL = "E'\\\\N'"
#: The characters of a text that are escaped.
ESCAPED = "E'\\\\\\t\\n'"


def field(name: str, expression: str, *, texts: frozenset[str] = TEXTS, times: frozenset[str] = TIMES) -> str:
    """The SQL of one field of the line, from the SQL of its value; `texts` and `times` are another chain's, where it is not the ledger's."""
    if name in times:
        return f"(extract(epoch FROM {expression}) * 1000000)::bigint"
    if name in texts:
        return f"coalesce(replace(replace(replace({expression}, E'\\\\', E'\\\\\\\\'), E'\\t', E'\\\\t'), E'\\n', E'\\\\n'), {NULL})"
    return f"coalesce({expression}::text, {NULL})" if name == "reverses" else expression


def line(
    values: dict[str, str], columns: tuple[str, ...] = COLUMNS, *, texts: frozenset[str] = TEXTS, times: frozenset[str] = TIMES
) -> str:
    """The SQL of the whole line, or of the part of it that `columns` names, from the SQL of each value."""
    return f"concat_ws({TAB}, {', '.join(field(name, values[name], texts=texts, times=times) for name in columns)})"


def account_line() -> str:
    """The SQL of an account's line, of the aliases that `ACCOUNTS` gives."""
    holder = "coalesce(p.code || '/', '') || coalesce(h.code, '')"
    return f"""concat_ws({TAB}, '{ACCOUNT[0]}', a.id, a.holder_id, {field("region", holder)}, a.holder_kind, {field("region", "a.region")},
        {field("resource", "a.resource")}, a.place)"""


#: Accounts with their holders, and the administration of an environment, whose code makes its name; as SQL.
ACCOUNTS = """quotas.account a LEFT JOIN quotas.holder h ON h.id = a.holder_id
    LEFT JOIN quotas.holder p ON p.id = h.parent_id AND h.kind = 'environment'"""


def hashed(text: str) -> str:
    """The SQL of a line's hash."""
    return f"sha256(convert_to({text}, 'UTF8'))"
