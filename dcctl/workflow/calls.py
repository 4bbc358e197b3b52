"""How many calls were made to OpenStack: each process adds its own to the database now and then, so that the number outlives it."""

from dcctl.errors import DcctlError
from dcctl.store import add_requests
from dcctl.workflow.app import App
from dcctl.workflow.loops import Loop

SECONDS = 15.0


def add(app: App, process: str) -> None:
    """Add what this process has asked since the last time. What could not be written is counted again the next time."""
    made = app.cloud().requests()
    if not made:
        return
    try:
        with app.bare_transaction() as session:
            add_requests(session.connection(), process, made)
    except DcctlError:
        app.cloud().count_again(made)
        raise


def counting(app: App, process: str) -> Loop:
    """Adds them every so often while the process runs; at its end it is done `once` more."""
    return Loop("calls", lambda: add(app, process), pause=SECONDS, at_once=False, failed="calls_not_counted")
