"""What a change does, shown: a tree on a terminal, lines elsewhere; what is replaced or destroyed stands out by its words, not by colour alone."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dcctl.cli import output
from dcctl.cli.desk import Desk
from dcctl.cli.progress import thing
from dcctl.cli.talk import clean, is_lively, say
from dcctl.cli.times import moment
from dcctl.errors import DcctlError
from dcctl.words import N_, _, sentence

Json = dict[str, Any]
LONGEST_SECONDS = 600
_FIRST_PAUSE, _PAUSE = 0.1, 2.0
#: Sorts of steps in the order in which they are shown: what is done, whether data go with it, the heading, and its colour on a terminal.
SORTS: Sequence[tuple[str, bool, str, str]] = (
    ("make", False, N_("made: {count}"), "green"),
    ("change", False, N_("changed in place: {count}"), "yellow"),
    ("keep", False, N_("KEPT without a server, protected and counted as before: {count}"), "cyan"),
    ("replace", False, N_("REPLACED (destroyed, and made anew): {count}"), "bold red"),
    ("destroy", False, N_("DESTROYED: {count}"), "bold red"),
    ("replace", True, N_("REPLACED, DATA DESTROYED: {count}"), "bold white on red"),
    ("destroy", True, N_("DATA DESTROYED: {count}"), "bold white on red"),
)


def lines(steps: Any, evidence: Any = None) -> str:
    """Steps as lines of words."""
    found: list[str] = []
    for heading, _style, below in headed(steps or (), (evidence or {}).get("change") or {}):
        found += [f"  {heading}", *(f"    {line}" for line in below)]
    return "\n".join(found) or "–"


def headed(steps: Sequence[Mapping[str, Any]], change: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Heading, colour and things of each sort of step, then the units that move."""
    for op, data, heading, style in SORTS:
        below = [one(step) for step in steps if (step.get("op"), bool(step.get("data"))) == (op, data)]
        if below:
            yield sentence(heading, {"count": len(below)}), style, below
    for step in steps:
        if step.get("op") == "extend":
            yield sentence(N_("the end: {until} instead of {was}"), {"until": moment(step.get("until")), "was": moment(step.get("from"))}), "", []
    quota = change.get("quota") or {}
    if quota:
        yield _("units"), "", [moved(resource, *values) for resource, values in quota.items()]


def moved(resource: str, was: int, will: int) -> str:
    """`cores 8 → 4 (4 fewer)`."""
    text = f"{resource} {was} → {will}"
    return text if will > was else text + " " + sentence(N_("({count} FEWER)"), {"count": was - will})


def one(step: Mapping[str, Any]) -> str:
    """A thing with what differs: `server min-sante-dossier-patient-web-1 (flavor_id: … → …)`."""
    name = str(step.get("cloud_name") or step.get("name"))
    properties = step.get("properties") or {}
    differs = [f"{key}: {was} → {will}" for key, (was, will) in properties.items()] or [str(key) for key in step.get("differs") or ()]
    if step.get("op") == "make":
        differs = []
    said = f"{thing(step.get('type'))} {name}" + (f" ({', '.join(differs)})" if differs else "")
    return said + " – " + _("WITH ITS DATA") if step.get("data") else said


def show(desk: Desk, found: Json) -> None:
    """A plan that the worker found: the whole of it as JSON, a tree for people."""
    if not desk.for_people:
        keys = dict.fromkeys(("administration", "environment", "steps", "counts", "quota", "demand", "digest"), "")
        output.thing(found, keys, form=desk.form, chosen=desk.columns)
        return
    title = f"{found['administration']}/{found['environment']}"
    sorts = list(headed(found["steps"], found))
    if not sorts:
        output.write(sentence(N_("{name}: nothing to change."), {"name": title}))
        return
    if is_lively(sys.stdout):
        _drawn(title, sorts)
    else:
        output.write(clean(title))
        output.write(clean(lines(found["steps"], {"change": found}), keep="\n"))
    if found.get("digest"):
        say(N_("Digest of this change: {digest}"), digest=found["digest"])


def _drawn(title: str, sorts: Sequence[tuple[str, str, list[str]]]) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(clean(title)))
    for heading, style, below in sorts:
        branch = root.add(Text(clean(heading), style=style))
        for line in below:
            branch.add(Text(clean(line)))
    Console(file=sys.stdout, highlight=False, markup=False).print(root)


def awaited(
    desk: Desk, name: tuple[str, str], body: Json, seconds: int, *, command: str, path: tuple[str, ...] = ("plans",)
) -> Json:  # fmt: skip
    """Ask the worker, and wait for what it finds.

    Raises:
        DcctlError: what went wrong when it looked; DCCTL-007, it takes longer.
    """
    begun = desk.api.post("environments", *name, *path, body=body, look=command)
    until, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while True:
        found = desk.api.get("plans", str(begun["number"]))
        if found["state"] == "failed":
            raise DcctlError.from_json(found["error"] or {})
        if found["state"] == "done":
            return found
        if time.monotonic() + pause > until:
            raise DcctlError("DCCTL-007", what=command, seconds=seconds, command=command)
        time.sleep(pause)
        pause = min(_PAUSE, pause * 1.3)
