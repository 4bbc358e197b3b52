"""What the worker looks at by itself: every hour a share of the projects' limits, in turn, and shrinks that use forbade, once it has fallen."""

from sqlmodel import col, select

from dcctl.cloud import limits
from dcctl.cloud.limit_rules import LimitState
from dcctl.lifecycle import EnvironmentState
from dcctl.store import Environment, ProjectLimit, RegionMode
from dcctl.workflow import reconciling, regions
from dcctl.workflow.app import App

#: In so many hours every project's limits are read once.
HOURS = 24


def audit(app: App) -> int:
    """Read the limits of those that were looked at longest ago, and compare; how many that were."""
    with app.reading() as session:
        query = select(Environment.project_id).where(
            col(Environment.project_id).is_not(None), Environment.state != EnvironmentState.DECOMMISSIONED
        )
        chosen = reconciling.oldest_read(session, [project for project in session.exec(query).all() if project], HOURS)
    if chosen:
        reconciling.compare(app, chosen)
    return len(chosen)


def shrink_again(app: App) -> int:
    """Write the limits of environments whose last write was blocked by use, where use has fallen; how many were written.

    Use is asked first, so that nothing is written, and nothing said, while nothing has changed. In observe nothing is done.
    """
    regions.watch(app)
    with app.reading() as session:
        mode = session.get(RegionMode, app.region)
        if mode is not None and mode.mode == regions.OBSERVE:
            return 0
        blocked: dict[str, list[ProjectLimit]] = {}
        for row in session.exec(select(ProjectLimit).where(ProjectLimit.state == str(LimitState.BLOCKED_BY_USAGE))).all():
            blocked.setdefault(row.project_id, []).append(row)
        named = select(Environment).where(col(Environment.project_id).in_(list(blocked)), Environment.state != EnvironmentState.DECOMMISSIONED)
        environments = session.exec(named).all()
    written = []
    for environment in environments:
        project_id = environment.project_id or ""
        used = limits.use(app.cloud(), project_id)
        fallen = [row for row in blocked[project_id] if (row.service_type, row.key) in used and used[row.service_type, row.key].total <= row.wanted]
        if fallen and reconciling.write(app, f"{environment.administration}/{environment.name}"):
            written.append(project_id)
    if written:
        reconciling.compare(app, written)
    return len(written)
