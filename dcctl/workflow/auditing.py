"""What the worker looks at by itself: every hour a share of the projects' limits, in turn, and shrinks that use forbade, once it has fallen."""

from collections.abc import Mapping

import structlog
from sqlalchemy import func
from sqlmodel import col, select

from dcctl.cloud import limits
from dcctl.cloud.limit_rules import LimitKey, LimitState, Use
from dcctl.lifecycle import EnvironmentState
from dcctl.store import Environment, ProjectLimit
from dcctl.workflow import holding, reconciling, regions, shrinking
from dcctl.workflow.app import App

#: In so many hours every project's limits are read once.
HOURS = 24

log = structlog.get_logger("dcctl.workflow.auditing")


def audit(app: App) -> int:
    """Read the limits of those whose turn it is, and compare; how many that were."""
    chosen = turn(app)
    if chosen:
        reconciling.compare(app, chosen)
    return len(chosen)


def turn(app: App) -> list[str]:
    """The projects that were looked at longest ago, one in `HOURS` of those that have limits of ours.

    A project's turn is over once anything of it was read: what one service does not tell holds nobody else up, and is read in the next round.
    """
    last = func.max(ProjectLimit.read_at)
    mine = (col(Environment.project_id) == ProjectLimit.project_id) & (col(Environment.state) != EnvironmentState.DECOMMISSIONED)
    project = col(ProjectLimit.project_id)
    query = select(project).join(Environment, mine).group_by(project).order_by(last, project)
    with app.reading() as session:
        waiting = session.exec(query).all()
    return list(waiting[: -(-len(waiting) // HOURS)])


def has_fallen(wanted: Mapping[LimitKey, int], used: Mapping[LimitKey, Use]) -> bool:
    """Whether nothing stands any more against these limits; what cannot be counted may."""
    return all(key in used and used[key].total <= amount for key, amount in wanted.items())


def shrink_again(app: App) -> int:
    """Write the limits of environments whose last write was blocked by use, where use has fallen; how many were written.

    A change that was blocked is taken up again itself, for its units are freed by its end. Use is asked first, so that
    nothing is written, and nothing said, while nothing has changed. In observe nothing is done.
    """
    regions.watch(app)
    with app.reading() as session:
        if regions.observes(app, session):
            return 0
        blocked: dict[str, list[ProjectLimit]] = {}
        for row in session.exec(select(ProjectLimit).where(ProjectLimit.state == str(LimitState.BLOCKED_BY_USAGE))).all():
            blocked.setdefault(row.project_id, []).append(row)
        waiting = shrinking.waiting(session)
        mine = col(Environment.project_id).in_(list(blocked)) | col(Environment.id).in_(list(waiting))
        named = select(Environment).where(mine, Environment.state != EnvironmentState.DECOMMISSIONED)
        environments = session.exec(named).all()
        lower = {e.id: waiting[e.id].lower(holding.allocated(app, session, e.administration, e.name)) for e in environments if e.id in waiting}
    written = []
    for environment in environments:
        project_id = environment.project_id or ""
        used = limits.use(app.cloud(), project_id)
        if environment.id in waiting:
            wanted = {(row.service_type, row.key): row.wanted for row in blocked.get(project_id, ())} | limits.limit_keys(lower[environment.id])
            if wanted and has_fallen(wanted, used) and shrinking.take_up(app, waiting[environment.id].operation):
                log.info("change_taken_up_again", operation=waiting[environment.id].operation)
            continue
        fallen = [row for row in blocked[project_id] if (row.service_type, row.key) in used and used[row.service_type, row.key].total <= row.wanted]
        if fallen and reconciling.write(app, f"{environment.administration}/{environment.name}"):
            written.append(project_id)
    if written:
        reconciling.compare(app, written)
    return len(written)
