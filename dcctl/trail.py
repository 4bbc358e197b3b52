"""The audit trail's form: what of an event is kept, in which order it is hashed, and what an export of it looks like.

An event says who (`actor_id`, `actor`, `scope`), what (`action`, `outcome`), when (`at`), from where (`address`, `request_id`), where it was seen
(`observer`), on what (`target`) and of whose (`administration`): the seven W of CADF. `document` is canonical JSON (RFC 8785): roles, the body
without secrets, before and after, the error. The line that is hashed has the form that `quotas.content` describes; `quotas.chain` proves it.

This module is pure: it names things and builds text.
"""

from quotas import content
from quotas.chain import Form

COLUMNS = (
    "id", "at", "action", "outcome", "actor_id", "actor", "scope", "observer", "address", "request_id", "administration", "target", "document",
)  # fmt: skip
TIMES = frozenset({"at"})
TEXTS = frozenset(COLUMNS[2:])
#: success: it was done; refused: it was not allowed, or is not there for who asked; failed: it could not be; pending: it is about to be done in
#: Keystone.
OUTCOMES = ("success", "refused", "failed", "pending")

FORM = Form(name="audit", first=b"dcctl-audit\t1", fields=len(COLUMNS), moment=1)


def line(values: dict[str, str]) -> str:
    """The SQL of an event's line, from the SQL of each value."""
    return content.line(values, COLUMNS, texts=TEXTS, times=TIMES)
