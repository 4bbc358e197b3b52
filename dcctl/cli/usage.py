"""dcctl usage: what is used of what was promised, now and hour by hour, and who uses most; with bars where a person looks on."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from dcctl.cli import output
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import say
from dcctl.cli.times import beginning, instant, moment
from dcctl.words import N_, _, current

BAR, CURVE = 20, 24
#: From nothing to the most of the period.
LEVELS = "▁▂▃▄▅▆▇█"

NOW = {
    "resource": N_("Resource"), "unit": N_("Unit"), "capacity": N_("Capacity"), "granted": N_("Granted"), "allocated": N_("Allocated"),
    "usage": N_("Used"), "at": N_("Read"),
}  # fmt: skip
HOURS = {"hour": N_("Hour"), "resource": N_("Resource"), "unit": N_("Unit"), "average": N_("Average"), "known": N_("Seen")}
TOP = {
    "administration": N_("Administration"), "project": N_("Environment"), "project_id": N_("Project"), "usage": N_("Used"), "unit": N_("Unit"),
    "allocated": N_("Allocated"), "limit": N_("Limit"), "granted": N_("Granted"), "at": N_("Read"),
}  # fmt: skip
RANKING = {"administration": N_("Administration"), "name": N_("Name"), "unit_hours": N_("Units x hours"), "unit": N_("Unit")}
SINCE = N_("From then on: a date means its beginning, in Cotonou; 24h and 30d count back from now.")
UNTIL = N_("Until then (now): a date means its end.")
RESOURCE = N_("This resource only; may be repeated.")

command = Group("usage", help=N_("Use as OpenStack counts it: now, hour by hour, and who uses most."),
                examples=["dcctl usage show", "dcctl usage show min-sante --since 30d", "dcctl usage top --resource cores"])  # fmt: skip


@command.command(help=N_("Show what is used of what was promised: of your administration, of the one that is named, or of the whole datacenter."),
                 examples=["dcctl usage show -f json", "dcctl usage show min-sante --since 2026-03-01 --until 2026-03-31"])  # fmt: skip
@click.argument("administration", metavar=N_("[ADMINISTRATION]"), required=False)
@click.option("--since", metavar=N_("DATE"), help=SINCE)
@click.option("--until", metavar=N_("DATE"), help=UNTIL)
@click.option("--resource", "resources", metavar=N_("RESOURCE"), multiple=True, help=RESOURCE)
@shown
@click.pass_obj
def show(desk: Desk, administration: str | None, since: str | None, until: str | None, resources: tuple[str, ...]) -> None:
    if since is None and until is None:
        _now(desk, desk.api.get("usage", administration=administration), resources)
        return
    period = {"since": beginning("--since", "24h" if since is None else since), "until": instant("--until", until)}
    found = desk.api.get("usage", "hours", query={"administration": administration, "resource": list(resources) or None, **period})
    if not desk.for_people or desk.columns:
        desk.listing(found, HOURS)
    elif found["items"]:
        output.table(_summary(found["items"]))
    else:
        say(N_("Nothing was observed in this period."))


@command.command(help=N_("List who uses most of a resource: administrations, or projects."),
                 examples=["dcctl usage top", "dcctl usage top --resource ram --by project", "dcctl usage top --since 30d"])  # fmt: skip
@click.option("--resource", default="cores", show_default=True, metavar=N_("RESOURCE"), help=N_("Of what."))
@click.option("--by", type=click.Choice(["administration", "project"]), default="administration", show_default=True, help=N_("Who is compared."))
@click.option("--since", metavar=N_("DATE"), help=N_("Over a period instead of now, by administration: units times hours."))
@click.option("--until", metavar=N_("DATE"), help=UNTIL)
@click.option("--limit", type=click.IntRange(min=1, max=1000), default=10, show_default=True, metavar=N_("COUNT"), help=N_("At most so many."))
@shown
@click.pass_obj
def top(desk: Desk, resource: str, by: str, since: str | None, until: str | None, limit: int) -> None:
    if since is None and until is None:
        _largest(desk, desk.api.get("usage", "top", resource=resource, by=by, limit=limit), by)
        return
    if by == "project":
        raise click.UsageError(_("--by project is for now only: leave out --since and --until."))
    period = {"since": beginning("--since", "24h" if since is None else since), "until": instant("--until", until)}
    found = desk.api.get("usage", "ranking", query={"resource": resource, **period})
    most = {**found, "items": found["items"][:limit]}
    if not desk.for_people or desk.columns:
        desk.listing(most, RANKING)
        return
    whole = max((float(item["unit_hours"]) for item in most["items"]), default=0.0)
    rows = [
        [item["administration"], item["name"], figure(item["unit_hours"]), item["unit"], *_bar(item["unit_hours"], whole)] for item in most["items"]
    ]
    _table([*RANKING.values(), *_bar_heading()], rows, right=(2,))


def _now(desk: Desk, found: Mapping[str, Any], resources: Sequence[str]) -> None:
    items = [item for item in found["items"] if not resources or item["resource"] in resources]
    columns = {key: heading for key, heading in NOW.items() if key != "capacity" or found.get("kind") == "pool"}
    if not desk.for_people or desk.columns:
        desk.listing({**found, "items": items}, columns)
        return
    rows = []
    for item in items:
        whole = item["granted"] if item["capacity"] is None else item["capacity"]
        cells = [moment(item[key]) if key == "at" and item[key] else output.text_of(item[key]) if key != "unit" else item[key] for key in columns]
        rows.append([*cells[:-1], share(item["usage"], whole), cells[-1], *_bar(item["usage"], whole, item["allocated"])])
    headings = [*columns.values()]
    _table([*headings[:-1], N_("Share"), headings[-1], *_bar_heading()], rows, right=range(2, len(headings)))


def _largest(desk: Desk, found: Mapping[str, Any], by: str) -> None:
    left_out = ("project", "project_id", "limit") if by == "administration" else ("allocated", "granted")
    columns = {key: heading for key, heading in TOP.items() if key not in left_out}
    if not desk.for_people or desk.columns:
        desk.listing(found, columns)
        return
    rows = []
    for item in found["items"]:
        whole = item["granted"] if by == "administration" else item["limit"]
        cells = [moment(item[key]) if key == "at" and item[key] else output.text_of(item[key]) if key != "unit" else item[key] for key in columns]
        rows.append([*cells[:-1], share(item["usage"], whole), cells[-1], *_bar(item["usage"], whole, item["allocated"])])
    headings = [*columns.values()]
    figures = [at for at, key in enumerate(columns) if key in ("usage", "allocated", "limit", "granted")]
    _table([*headings[:-1], N_("Share"), headings[-1], *_bar_heading()], rows, right=[*figures, len(headings) - 1])


def _summary(items: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A line a resource: least, mean (weighed by what was seen of each hour), most and last average; on a terminal their curve."""
    by_resource: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        by_resource.setdefault(str(item["resource"]), []).append(item)
    curves = output.is_terminal() and _draws_curves()
    headings = [N_("Resource"), N_("Unit"), N_("Least"), N_("Mean"), N_("Most"), N_("Last"), N_("Hours seen")]
    rows = []
    for name, hours in by_resource.items():
        averages, seen = [float(hour["average"]) for hour in hours], [float(hour["known"]) for hour in hours]
        mean = sum(average * part for average, part in zip(averages, seen, strict=True)) / (sum(seen) or 1)
        figures = [figure(value) for value in (min(averages), mean, max(averages), averages[-1], sum(seen))]
        rows.append([name, str(hours[0]["unit"]), *figures, *([curve(averages)] if curves else [])])
    return _aligned([*headings, *([""] if curves else [])], rows, right=range(2, 7))


def curve(values: Sequence[float], wide: int = CURVE) -> str:
    """The values from 0 to the greatest as a row of blocks, several of them in one where there are more than fit."""
    count = min(wide, len(values))
    parts = [values[len(values) * at // count : len(values) * (at + 1) // count] for at in range(count)]
    means = [sum(part) / len(part) for part in parts]
    most = max(means)
    return "".join(LEVELS[round(value / most * (len(LEVELS) - 1)) if most > 0 else 0] for value in means)


def bar(used: float, whole: float, allocated: float = 0, wide: int = BAR) -> str:
    """Of a whole: `#` what is used, `+` what is allocated besides, `.` the rest; what exceeds the whole is not drawn."""
    if whole <= 0:
        return ""
    filled = min(wide, max(0, round(wide * used / whole)))
    kept = min(wide, max(filled, round(wide * allocated / whole)))
    return f"[{'#' * filled}{'+' * (kept - filled)}{'.' * (wide - kept)}]"


def share(used: float | None, whole: float | None) -> str:
    """Whole percents; a dash where nothing is known, or there is nothing to have a share of."""
    if used is None or not whole:
        return "–"
    return f"{round(100 * used / whole)}\u00a0%" if current() == "fr" else f"{round(100 * used / whole)}%"


def figure(value: float) -> str:
    """At most one decimal, with the reader's own mark."""
    text = f"{float(value):.1f}".removesuffix(".0")
    return text.replace(".", ",") if current() == "fr" else text


def _bar(used: float | None, whole: float | None, allocated: float | None = None) -> list[str]:
    return [bar(used or 0, whole or 0, allocated or 0)] if output.is_terminal() else []


def _bar_heading() -> list[str]:
    return [""] if output.is_terminal() else []


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] | range) -> None:
    output.table(_aligned(headings, rows, right=right))


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] | range) -> list[list[str]]:
    """Headings in words, then the rows; the columns `right` are padded, for a percent sign or a decimal is no figure to `output.table`."""
    cells = [[_(heading) if heading else "" for heading in headings], *([str(cell) for cell in row] for row in rows)]
    for at in right:
        wide = max(len(row[at]) for row in cells)
        for row in cells:
            row[at] = row[at].rjust(wide)
    return cells


def _draws_curves() -> bool:
    """Whether the terminal can show the blocks."""
    try:
        LEVELS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
