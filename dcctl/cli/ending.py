"""How a followed request ended: what was obtained and how to use it, or what went wrong and what to do."""

from collections.abc import Mapping
from typing import Any

from dcctl.cli import output
from dcctl.cli.desk import Desk
from dcctl.cli.talk import clean, say, tell
from dcctl.cli.watching import finish
from dcctl.errors import DcctlError
from dcctl.words import N_, _, sentence

#: The user of the images that are known to have one, by the beginning of the image's name.
IMAGE_USERS = {
    "cirros": "cirros",
    "debian": "debian",
    "ubuntu": "ubuntu",
    "fedora": "fedora",
    "rocky": "rocky",
    "almalinux": "almalinux",
    "centos": "cloud-user",
}


def end(desk: Desk, number: str, state: str, *, aside: bool = False) -> None:
    """Say the end of request `number` and leave with its exit status."""
    request = desk.api.get("requests", number)
    if not desk.for_people and desk.form != "ndjson":
        output.thing(request, {"number": "", "state": ""}, form=desk.form, chosen=desk.columns)
    state = str(request.get("state") or state)
    if state == "fulfilled" and desk.for_people:
        if request.get("kind") == "decommission":
            say(N_("{administration}/{environment} is decommissioned; every unit is available again."), **request)
        elif request.get("kind") == "envelope":
            say(N_("The envelope of {administration} is larger now; see dcctl quota show"), **request)
        elif request.get("kind") == "extension":
            say(N_("{administration}/{environment} lasts longer now; see dcctl environment show {environment}"), **request)
        else:
            obtained(desk, request, aside=aside)
    finish(state, request.get("error"), name=number, operation=request.get("operation"))


def obtained(desk: Desk, request: Mapping[str, Any], *, aside: bool) -> None:
    """Addresses, ssh, how to change, how to give back."""
    try:
        found = desk.api.get("environments", str(request["administration"]), str(request["environment"]))
    except DcctlError as error:
        tell(str(error))
        return
    write = tell if aside else output.write
    write(sentence(N_("{administration}/{environment} is ready."), request))
    for line in addresses(found):
        write(line)
    name = str(request["environment"])
    write(sentence(N_("Reach it with openstack: dcctl environment cloud {name}"), {"name": name}))
    write(
        sentence(
            N_("Change it: edit the spec and submit it again (dcctl request submit FILE); give it back: dcctl environment decommission {name}"),
            {"name": name},
        )
    )


def addresses(environment: Mapping[str, Any]) -> list[str]:
    """A line a server: name, addresses, and how to log in where an address is public."""
    images = {
        server.get("name"): str(server.get("image") or "")
        for server in (environment.get("spec") or {}).get("servers") or ()
        if isinstance(server, Mapping)
    }
    lines = []
    for logical, made in ((environment.get("outputs") or {}).get("servers") or {}).items():
        if not isinstance(made, Mapping):
            continue
        name, fixed, floating = str(made.get("name") or logical), made.get("address") or "–", made.get("floating_ip")
        line = f"  {clean(name)}  {clean(str(fixed))}"
        if floating:
            kind = str(logical).removeprefix("server-").rpartition("-")[0]
            image = images.get(kind, "")
            user = next((user for prefix, user in IMAGE_USERS.items() if image.lower().startswith(prefix)), _("USER"))
            line += f"  ssh {user}@{clean(str(floating))}"
        lines.append(line)
    return lines
