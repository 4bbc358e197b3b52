"""Credentials that outlived their runs are taken away, by whichever worker looks first.

A run takes its own away after its last word, and a successor those of a run that said none. What falls between the two would live until its own end,
more than an hour later: of a worker that was killed after its last word, of one that Keystone did not let go, of one that Keystone made while its
worker lay frozen and the successor had looked already.
"""

from collections.abc import Collection, Mapping

import structlog
from sqlalchemy import text

from dcctl.cloud import credentials
from dcctl.workflow.app import App
from dcctl.workflow.credentials import PREFIX, service_entry
from dcctl.workflow.loops import Loop
from stacks.naming import LAYERS

#: Longest time between two looks, of which each is two calls of Keystone and their tokens; with short leases it is so many of them.
LOOK_SECONDS = 60.0
LEASES = 5
_LEASES = text("""
    SELECT administration, environment, token, holder IS NOT NULL AND expires_at > clock_timestamp() AS held FROM lease
    WHERE administration = ANY (:administrations)""")
#: By administration and environment: the newest token, and whether it is held.
Leases = Mapping[tuple[str, str], tuple[int, bool]]

log = structlog.get_logger("dcctl.workflow.leftovers")


def parsed(name: str) -> tuple[tuple[str, str], int] | None:
    """Administration and environment, and the token of the run that a credential of this name is of; None for what is no run's."""
    match name.removeprefix(PREFIX).split(".") if name.startswith(PREFIX) else []:
        case [administration, environment, token, number] if token.isascii() and token.isdigit() and number.isascii() and number.isdigit():
            return (administration, environment), int(token)
    return None


def over(names: Collection[str], leases: Leases) -> list[str]:
    """Those of runs that have ended or lost their lease.

    Of environments without a lease here nothing is said: they may be another region's. Nor of tokens that are younger than any that was given here:
    the database was restored, and the next run of the environment takes them away.
    """
    found = []
    for name in names:
        if (of := parsed(name)) is not None and of[0] in leases:
            token, held = leases[of[0]]
            if of[1] < token or (of[1] == token and not held):
                found.append(name)
    return found


def take_away(app: App) -> list[str]:
    """Take them away; their names.

    Raises:
        CloudError: Keystone refuses or does not answer.
        DcctlError: the database is away, or clouds.yaml lacks an entry.
    """

    def choose(names: Collection[str]) -> list[str]:
        # Asked after Keystone was: what is in its list and not its lease's by now is never its lease's again.
        administrations = sorted({of[0][0] for name in names if (of := parsed(name)) is not None})
        with app.reading() as session:
            rows = session.connection().execute(_LEASES, {"administrations": administrations}).all()
        return over(names, {(row.administration, row.environment): (int(row.token), bool(row.held)) for row in rows})

    return [name for layer in LAYERS for name in credentials.removed(service_entry(app.settings, layer), PREFIX, choose)]


def cleaning(app: App) -> Loop:
    """A worker's loop for this."""

    def look() -> None:
        if taken := take_away(app):
            log.warning("credentials_taken_away", names=taken)

    pause = min(LOOK_SECONDS, LEASES * app.settings.worker.lease_seconds)
    return Loop("leftovers", look, pause=pause, at_once=False, failed="leftovers_not_looked_for")
