"""What a rebuilt state would know, shown to an operator before it is written."""

from collections.abc import Mapping, Sequence
from typing import Any

from dcctl.cli import once, output, planning
from dcctl.cli.desk import Desk
from dcctl.cli.named import environment
from dcctl.cli.progress import thing
from dcctl.cli.talk import clean, confirm_name, interactive, say, tell
from dcctl.errors import DcctlError
from dcctl.words import N_, _, sentence

Json = dict[str, Any]
#: What becomes of a thing, in the order in which it is shown; of what is as it was, only how many.
HEADINGS = {
    "adopted": N_("taken over, as it is there: {count}"),
    "forgotten": N_("FORGOTTEN, for it is not there any more: {count}"),
    "left": N_("left to the next run, for it is being built or broken: {count}"),
}
LONGEST_SECONDS = 600


def repaired(desk: Desk, name: str, *, digest: str | None, reason: str) -> Json | None:
    """Look, show, ask and queue; None when there is nothing to do."""
    whose = environment(name)
    command = f"dcctl operation repair {name}"
    if digest is None:
        found = planning.awaited(desk, whose, {}, LONGEST_SECONDS, command=command, path=("state", "looks"))
        title = f"{found['administration']}/{found['environment']}"
        tell(clean("\n".join([title, *lines(found["things"])]), keep="\n"))
        if not found["needed"]:
            say(N_("The state knows all that is there; nothing is to be rebuilt."))
            return None
        if not interactive():
            raise DcctlError("DCCTL-662", name=name, digest=found["digest"])
        confirm_name(str(found["environment"]), None, warning=_("Only the engine's state is written; nothing in the cloud is touched."))
        digest = str(found["digest"])
    body = {"digest": digest, "reason": reason}
    return once.post(desk, "environments", *whose, "state", body=body, look=f"dcctl operation list --administration {whose[0]}")


def lines(things: Sequence[Mapping[str, Any]]) -> list[str]:
    """What becomes of each thing, by sort."""
    found = ["  " + sentence(N_("known, and there: {count}"), {"count": sum(one["fate"] == "kept" for one in things)})]
    for fate, heading in HEADINGS.items():
        below = [one for one in things if one["fate"] == fate]
        if below:
            found += ["  " + sentence(heading, {"count": len(below)}), *(f"    {_one(one)}" for one in below)]
    beside = [f"{one.get('cloud_name') or one['name']}: {other}" for one in things for other in one["beside"]]
    if beside:
        found += ["  " + _("beside them, and not touched:"), *(f"    {text}" for text in beside)]
    return found


def _one(one: Mapping[str, Any]) -> str:
    said = f"{thing(str(one['type']))} {one.get('cloud_name') or one['name']} ({output.text_of(one['id'] or one['was'])})"
    return said + " – " + _("WITH ITS DATA") if one["fate"] == "forgotten" and one["data"] else said
