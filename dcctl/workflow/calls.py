"""How many calls were made to OpenStack: each process adds its own to the database now and then, so that the number outlives it."""

import threading

import structlog

from dcctl.errors import DcctlError
from dcctl.store import add_requests
from dcctl.workflow.app import App

SECONDS = 15.0

log = structlog.get_logger("dcctl.workflow.calls")


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


class Counter(threading.Thread):
    """Adds them every so often while the process runs, and once more at its end."""

    def __init__(self, app: App, process: str) -> None:
        super().__init__(name="calls", daemon=True)
        self.app, self.process = app, process
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.wait(SECONDS):
            self.once()

    def once(self) -> None:
        try:
            add(self.app, self.process)
        except DcctlError as error:
            log.warning("calls_not_counted", code=error.code)

    def end(self) -> None:
        self.ending.set()
        self.once()
