"""The sign of life of a run: its lease is renewed at a third of its length, and what may go on by it knows until when."""

import threading

import structlog

from dcctl.errors import DcctlError
from dcctl.provisioner.processes import boottime
from dcctl.workflow import leases
from dcctl.workflow.app import App
from dcctl.workflow.leases import Lease, Lost

#: Of the lease's length, from when its renewal was sent: after that nothing of the run may go on. What is left is for ending it.
SAFE = 0.8

log = structlog.get_logger("dcctl.workflow.heartbeat")


class Heartbeat(threading.Thread):
    """Renews one lease until it is told to end, or the lease is lost.

    `until`, in seconds of `processes.boottime`, is counted from before the lease was taken or renewed, so it is never later than what the
    database thinks; a machine that slept finds it passed.
    """

    def __init__(self, app: App, lease: Lease, *, since: float) -> None:
        super().__init__(name=f"lease-{lease.environment}", daemon=True)
        self.app = app
        self.lease = lease
        self.seconds = app.settings.worker.lease_seconds
        self.until = since + SAFE * self.seconds
        self.ending = threading.Event()
        #: Held while the lease is renewed, or becomes one of another token.
        self.renewing = threading.Lock()

    def run(self) -> None:
        while not self.ending.wait(self.seconds / 3):
            sent = boottime()
            try:
                with self.renewing, self.app.transaction() as session:
                    if not leases.renew(session, self.lease, self.seconds):
                        log.warning("lease_not_renewed", environment=f"{self.lease.administration}/{self.lease.environment}", token=self.lease.token)
                        return
            except DcctlError as error:
                log.warning("lease_not_renewed", code=error.code, token=self.lease.token)
            else:
                self.until = sent + SAFE * self.seconds

    def check(self) -> None:
        """Return while the run may go on; asked before each call of OpenStack.

        Raises:
            Lost: no renewal was confirmed in time.
        """
        if boottime() >= self.until:
            raise Lost(f"{self.lease.administration}/{self.lease.environment}: token {self.lease.token} was not renewed in time")

    def __enter__(self) -> "Heartbeat":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.ending.set()
        self.join()
