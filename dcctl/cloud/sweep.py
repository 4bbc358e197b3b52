"""Emptying a project: everything that anybody made in it goes, in an order that works, until nothing is left or nothing moves any more.

It may be repeated, also after a kill: each round looks anew. It never touches another project's things; what cannot go because of them stays and is
named with the service's own words and with who holds it.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from dcctl.cloud import limits
from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import status_of
from dcctl.cloud.inventory import foreign_ports, listed, things
from dcctl.cloud.listings import LISTINGS, Thing
from dcctl.cloud.sweep_steps import Around, Call, calls, detached_volume
from dcctl.errors import CloudError

#: Something that has been in the same state for so long is forced.
STALLED_SECONDS = 15.0
#: When all that is left was refused, and nothing has changed for so long, further rounds would hear the same.
SETTLED_SECONDS = 8.0
_PAUSE_SECONDS = (0.3, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What could not be deleted.

    Attributes:
        words: the service's own, or the state in which the thing hangs.
        held_by: things of other projects that hold it: their ids and details say where.
    """

    thing: Thing
    words: str
    held_by: tuple[Thing, ...] = ()

    @property
    def reason(self) -> str:
        """Words and holders in one line."""
        held = [f"{holder.type} {holder.id} ({holder.detail})" for holder in self.held_by]
        return "; ".join([self.words, *held] if self.words else held)


def sweep(cloud: Cloud, project_id: str, *, keep: Collection[str] = frozenset(), deadline: float) -> list[Leftover]:
    """Delete everything in the project but for the ids in `keep`; returns what is left of the rest.

    Args:
        deadline: seconds from now after which no new round begins.

    Raises:
        CloudError: a service does not answer. The call may be repeated.
        ValueError: the project is the one that this connection works in.
    """
    if not project_id or project_id == cloud.own_project_id:
        raise ValueError(f"project {project_id!r} is not one to sweep")
    run = _Run(cloud, project_id, frozenset(keep))
    end = time.monotonic() + deadline
    pause = _PAUSE_SECONDS[0]
    while True:
        left = run.round()
        if not left:
            return []
        if run.settled(left) or time.monotonic() + pause > end:
            return run.leftovers(left)
        time.sleep(pause)
        pause = min(pause * 1.5, _PAUSE_SECONDS[1])


def last_traces(cloud: Cloud, project_id: str) -> None:
    """After the project was deleted: remove what Neutron, Nova and Cinder keep for it (default security group, rows of limits).

    Raises:
        ValueError: the project is still there.
    """
    limits.forget(cloud, project_id)
    listing = next(listing for listing in LISTINGS if listing.type == "security_group")
    for group in listed(cloud, listing, project_id):
        cloud.call("network", "DELETE", f"/security-groups/{group.id}", absent_ok=True)


class _Run:
    """One sweep: what was refused, and since when each thing has been as it is."""

    def __init__(self, cloud: Cloud, project_id: str, keep: frozenset[str]) -> None:
        self.cloud = cloud
        self.project_id = project_id
        self.keep = keep
        self.refused: dict[str, str] = {}
        self.holders: dict[str, tuple[Thing, ...]] = {}
        self.since: dict[str, tuple[str, float]] = {}
        self.moved_at = time.monotonic()
        self.types: set[str] = set()

    def round(self) -> list[Thing]:
        """Look, and tell everything that is there to go; returns what was seen. The default security group goes when all else is gone."""
        seen = self._look()
        left = [thing for thing in seen if thing.id not in self.keep]
        defaults = [thing for thing in left if _is_default_group(thing)]
        left = [thing for thing in left if thing not in defaults]
        self._note(left)
        around = Around(
            servers=frozenset(thing.id for thing in seen if thing.type == "server"),
            kept=self.keep,
            routed=frozenset(thing.id for thing in left if thing.type == "router" and thing.attributes.get("routes")),
            stalled=frozenset(thing.id for thing in left if time.monotonic() - self.since[thing.id][1] > STALLED_SECONDS),
        )
        self.refused, self.holders = {}, {}
        for thing in left:
            self._end(thing, around)
        if left or len(seen) > len(defaults):
            return left  # with a part that is to stay, the default group stays too
        for thing in defaults:
            self._tell(thing, calls(thing, around))
        return [thing for thing in defaults if thing.id in self.refused]

    def _look(self) -> list[Thing]:
        """What is there: of the kinds that were there last time as long as they move, and of all kinds at first and once nothing of those is left."""
        moving = time.monotonic() - self.moved_at < SETTLED_SECONDS / 2
        seen = things(self.cloud, self.project_id, self.types) if self.types and moving else []
        if not [thing for thing in seen if thing.id not in self.keep and not _is_default_group(thing)]:
            seen = things(self.cloud, self.project_id)
        self.types = {thing.type for thing in seen} | ({"volume"} if any(thing.type == "transfer" for thing in seen) else set())
        return seen

    def settled(self, left: Iterable[Thing]) -> bool:
        """Whether waiting is of no use: each thing left was refused, and none has changed for a while."""
        return all(thing.id in self.refused for thing in left) and time.monotonic() - self.moved_at > SETTLED_SECONDS

    def leftovers(self, left: Iterable[Thing]) -> list[Leftover]:
        """What is left, why, and who holds it."""
        foreign = foreign_ports(self.cloud, self.project_id)
        found = []
        for thing in left:
            network = thing.id if thing.type == "network" else thing.attributes.get("network_id") if thing.type == "subnet" else None
            ports = [port for port in foreign if network and port.attributes.get("network_id") == network]
            if thing.type == "subnet":
                ports = [port for port in ports if thing.id in {ip.get("subnet_id") for ip in port.attributes.get("fixed_ips") or ()}]
            held_by = (*self.holders.get(thing.id, ()), *ports)
            found.append(Leftover(thing=thing, words=self.refused.get(thing.id, "" if held_by else thing.status), held_by=held_by))
        return found

    def _end(self, thing: Thing, around: Around) -> None:
        if thing.type == "volume" and (thing.status == "in-use" or (thing.id in around.stalled and thing.attributes.get("attachments"))):
            foreign = self._foreign_servers(thing, around)
            if foreign:
                self.holders[thing.id], self.refused[thing.id] = foreign, thing.status
                return
            if not any(str(a.get("server_id")) in around.servers for a in thing.attributes.get("attachments") or ()):
                self._tell(thing, detached_volume(thing))
                return
        self._tell(thing, calls(thing, around))

    def _foreign_servers(self, volume: Thing, around: Around) -> tuple[Thing, ...]:
        """Servers of other projects that the volume is attached to."""
        found = []
        for attachment in volume.attributes.get("attachments") or ():
            server_id = str(attachment.get("server_id"))
            document = None if server_id in around.servers else self.cloud.call("compute", "GET", f"/servers/{server_id}", absent_ok=True)
            if document is not None and document["server"].get("tenant_id") != self.project_id:
                whose = str(document["server"].get("tenant_id"))
                found.append(
                    Thing(
                        service="compute", type="server", id=server_id, name="", status="", detail=f"project {whose}", project_id=whose, attributes={}
                    )
                )
        return tuple(found)

    def _tell(self, thing: Thing, steps: Iterable[Call]) -> None:
        for step in steps:
            try:
                self.cloud.call(
                    step.service, step.method, step.path, body=step.body, microversion=step.microversion, headers=step.headers, absent_ok=True
                )
            except CloudError as error:
                if status_of(error) is None:
                    raise
                if not step.lenient:
                    self.refused[thing.id] = str(error.params["words"])
                    return

    def _note(self, left: Iterable[Thing]) -> None:
        now = time.monotonic()
        current = {thing.id: f"{thing.status} {thing.detail}" for thing in left}
        if current != {id: state for id, (state, _) in self.since.items()}:
            self.moved_at = now
        self.since = {id: self.since[id] if id in self.since and self.since[id][0] == state else (state, now) for id, state in current.items()}


def _is_default_group(thing: Thing) -> bool:
    return thing.type == "security_group" and thing.attributes.get("name") == "default"
