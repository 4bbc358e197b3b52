"""Doing something under a key, so that a lost answer costs nothing: the same command again is the same deed, and is done once."""

from collections.abc import Callable, Mapping
from typing import Any

from dcctl.cli.desk import Desk
from dcctl.cli.pending import Key, key_for
from dcctl.cli.talk import say
from dcctl.errors import DcctlError
from dcctl.words import N_

Json = dict[str, Any]
#: Errors after which the API may or may not have what was asked.
UNANSWERED = {"DCCTL-011", "DCCTL-103", "DCCTL-105", "DCCTL-111", "DCCTL-112", "DCCTL-114", "DCCTL-500", "DCCTL-501"}
#: Errors that come before anything is sent: they say nothing of what was sent before under the same key.
NEVER_SENT = {"DCCTL-102", "DCCTL-104", "DCCTL-108", "DCCTL-110", "DCCTL-113"}


def answered(key: Key, call: Callable[[str], Json], *, keep: bool = False) -> Json:
    """What the API answers to the call under this key; the key is forgotten once there is an answer, be it a refusal.

    Args:
        keep: that it was done is told later, with others': the key stays until then.
    """
    if key.resumed:
        say(N_("The same was asked before and not answered; it is resumed with the same key."))
    try:
        answer = call(key.value)
    except DcctlError as error:
        # Without an answer of the API's own, whether it has what was asked is not known: the key stays.
        if error.code not in UNANSWERED and not (key.resumed and error.code in NEVER_SENT):
            key.answered()
        raise
    if not keep:
        key.answered()
    return answer


def post(desk: Desk, *path: str, look: str, body: Mapping[str, Any] | None = None, given: str | None = None) -> Json:
    """Post the body under a key of its own; `look` is the command that shows whether it was done."""
    sent = dict(body or {})
    key = key_for({"path": list(path), **sent}, desk.api.cloud.identity, given)
    return answered(key, lambda value: desk.api.post(*path, body=sent, key=value, look=look))


def put(desk: Desk, *path: str, body: Mapping[str, Any]) -> Json:
    """The same for what is put."""
    key = key_for({"path": list(path), **body}, desk.api.cloud.identity)
    return answered(key, lambda value: desk.api.put(*path, body=dict(body), key=value))


def delete(desk: Desk, *path: str, look: str) -> Json:
    """The same for what is taken away."""
    key = key_for({"delete": list(path)}, desk.api.cloud.identity)
    return answered(key, lambda value: desk.api.delete(*path, key=value, look=look))
