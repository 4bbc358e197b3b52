"""Following what goes on: events by cursor, shown as a live tree on a terminal and as a line each elsewhere.

Ctrl-C and a time limit end the following, never the work: both say so, name the command that follows it again, and exit 9 (10 while a decision
is awaited). A connection that breaks is tried again for a while; nothing that happened meanwhile is missed, for the cursor is ours.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from dcctl.cli import output
from dcctl.cli.desk import Desk
from dcctl.cli.progress import Progress, progress
from dcctl.cli.talk import say
from dcctl.errors import CATALOGUE, DcctlError
from dcctl.servicewords import meaning
from dcctl.words import N_

Json = dict[str, Any]

#: How long a following lasts at most, when nothing else is said; how long one question may wait; how long a broken connection is tried again.
WAIT_SECONDS, POLL_SECONDS, PATIENCE_SECONDS = 3600, 10, 120
#: An answer that was due by the end of the time may be so late.
GRACE_SECONDS = 1.0
#: Exit status of a request that ended without being fulfilled, and without an error of its own.
ENDINGS = {"fulfilled": 0, "succeeded": 0, "refused": 5, "withdrawn": 8, "cancelled": 8, "lapsed": 1, "abandoned": 1, "failed": 1}
AWAITED = ("submitted", "in_review", "returned", "proposed")


def pages(desk: Desk, path: tuple[str, ...], seconds: float, *, wait: float = POLL_SECONDS) -> Iterator[Json]:
    """The pages of events from the first on, until nothing more will happen or `seconds` have passed."""
    cursor, until, lost_since = 0, time.monotonic() + seconds, 0.0
    while True:
        left = until - time.monotonic()
        try:
            page = desk.api.get(*path, "events", after=cursor, wait=max(0.0, min(wait, left)), within=max(left, 0.0) + GRACE_SECONDS)
        except DcctlError as error:
            if error.code not in ("DCCTL-104", "DCCTL-105", "DCCTL-112", "DCCTL-501") or not cursor:
                raise
            lost_since = lost_since or time.monotonic()
            if time.monotonic() - lost_since > PATIENCE_SECONDS or left <= 0:
                raise
            say(N_("No answer; trying again…"))
            time.sleep(min(5.0, max(left, 0.1)))
            continue
        lost_since = 0.0
        cursor = page.get("cursor") or cursor
        yield page
        if page.get("ended"):
            return
        if time.monotonic() >= until:
            return
        if not page.get("items") and wait == 0:
            time.sleep(0.25)


def follow(desk: Desk, path: tuple[str, ...], seconds: float, *, name: str, command: str, aside: bool = False) -> str:
    """Show events until the end; return the final state.

    Args:
        aside: the lines are talk (stderr), since stdout has another answer to give.

    Raises:
        DcctlError: 007 time is up and the work goes on, or somebody pressed Ctrl-C; 008 the same while a decision is awaited.
    """
    state, ended = "", False
    shown: Progress = progress(desk.form, sys.stderr if aside or not desk.for_people else sys.stdout)
    began = time.monotonic()
    try:
        with shown:
            for page in pages(desk, path, seconds):
                state, ended = str(page.get("state") or state), bool(page.get("ended"))
                shown.page(page)
    except KeyboardInterrupt:
        raise _goes_on(name, state, command, time.monotonic() - began) from None
    if not ended:
        raise _goes_on(name, state, command, seconds)
    return state


def _goes_on(name: str, state: str, command: str, seconds: float) -> DcctlError:
    if state in AWAITED:
        return DcctlError("DCCTL-008", number=name)
    return DcctlError("DCCTL-007", what=name, seconds=round(seconds), command=command)


def watch_operation(desk: Desk, operation: str, seconds: float) -> Json:
    """Follow one operation and end as it did; the operation as it then is, when it succeeded."""
    state = follow(desk, ("operations", operation), seconds, name=operation, command=f"dcctl operation watch {operation}")
    found = desk.api.get("operations", operation)
    if not desk.for_people and desk.form != "ndjson":
        output.thing(found, {"id": "", "state": ""}, form=desk.form, chosen=desk.columns)
    finish(state, found.get("error"), name=operation, operation=operation)
    return found


def finish(state: str, error: Mapping[str, Any] | None, *, name: str, operation: str | None) -> None:
    """End the command as the work ended: quietly when it is done, with its error, or with the status of its state."""
    from click.exceptions import Exit

    status = ENDINGS.get(state, 1)
    if state == "failed" and error:
        cause = DcctlError.from_json(error)
        if operation:
            say(N_("{name} failed."), name=name)
            raise DcctlError("DCCTL-307", number=name, reason=str(cause), operation=operation)
        say(N_("{name} failed when it was examined; take it back: dcctl request withdraw {name}"), name=name)
        raise cause
    if status:
        say(N_("{name} is {state}."), name=name, state=state)
        raise Exit(status)


def error_words(error: Any) -> str:
    """An error that was stored, as a sentence."""
    if not isinstance(error, Mapping) or error.get("code") not in CATALOGUE:
        return output.text_of(error)
    cause = DcctlError.from_json(error)
    lines = [f"{cause.code}: {cause}", *filter(None, [meaning(str(cause.params.get("words") or ""))])]
    if "faults" in cause.params:
        from dcctl.cli.failure import fault_lines

        lines += fault_lines(cause)
    return "\n".join(lines)
