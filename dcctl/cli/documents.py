"""Files that are sent to the API whole, an offer or a policy: its faults come back with the lines of the file."""

from collections.abc import Mapping
from typing import Any

from dcctl.cli.desk import Desk
from dcctl.cli.output import text_of
from dcctl.cli.specfile import placed, read

Json = dict[str, Any]


def sent(desk: Desk, file: str, *path: str, look: str, **more: Any) -> tuple[Json, str]:
    """The API's answer to the document in `file` (- for standard input), and what the file is called.

    Raises:
        SpecRefused: with every fault and its line.
    """
    draft = read(file)
    if not isinstance(draft.document, Mapping):
        params = {"found": text_of(draft.document)[:80], "allowed": ["apiVersion", "kind"]}
        raise draft.refusal([{"path": [], "code": "spec.not_a_mapping", "params": params}])
    with placed(draft):
        return desk.api.post(*path, body={"document": draft.document, **more}, look=look), draft.source
