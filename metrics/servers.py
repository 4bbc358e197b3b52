"""What servers there are: listed once in a while, brought up to date by Nova's `changes-since` in between, deleted ones included.

A change of ten servers costs one call, whatever the number of servers. A cell that does not answer is silent about its changes, and a list of more
than one page is silent about its servers (nova/compute/api.py makes up entries for them on the first page only, where that has room); so Nova is
asked after each reading whether the services of a cell are unknown to it.
"""

from collections import Counter
from datetime import datetime, timedelta

from dcctl.cloud.connect import Cloud
from metrics.counting import Incomplete, Size, Usage, add_server, size_of
from metrics.listing import items

#: Embedded flavors came with 2.47, servers of silent cells with 2.69; 2.72 and later only add.
NOVA_MICROVERSION = "2.69"
#: Changes are asked for from so long before the last reading: what comes twice does no harm, and clocks differ.
OVERLAP = timedelta(minutes=2)
#: Nova counts neither; only the list of changes names them.
_GONE = frozenset({"DELETED", "SOFT_DELETED"})


class Servers:
    """Every server's project and size as of the last reading; empty until the first."""

    def __init__(self) -> None:
        self._known: dict[str, Size] = {}
        self._usage: Usage = Counter()
        self._as_of: datetime | None = None

    @property
    def as_of(self) -> datetime | None:
        """When the last reading began; None: there was none, or it was forgotten."""
        return self._as_of

    def forget(self) -> None:
        """What was read was not believed: the next reading is a listing."""
        self._as_of = None

    def listed(self, cloud: Cloud, at: datetime, page_size: int | None = None) -> Usage:
        """List every server, and count them.

        Raises:
            Incomplete: a server is there without its flavor, which is how Nova lists the servers of a cell that does not answer.
        """
        self._as_of = None
        known: dict[str, Size] = {}
        usage: Usage = Counter()
        names: dict[str, str] = {}  # one string for each project rather than one for each server
        for server in items(cloud, "compute", "/servers/detail", "servers", page_size, {"all_tenants": "1"}, NOVA_MICROVERSION):
            project, cores, ram = size_of(server)
            size = known[str(server["id"])] = names.setdefault(project, project), cores, ram
            add_server(usage, size)
        _require_cells(cloud)
        self._known, self._usage, self._as_of = known, usage, at
        return Counter(usage)

    def changed(self, cloud: Cloud, at: datetime, page_size: int | None = None) -> Usage:
        """Ask for what has changed since the last reading, and count again. Raises as `listed`; then nothing of it counts."""
        if self._as_of is None:
            raise ValueError("nothing was listed before")
        since = (self._as_of - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"all_tenants": "1", "changes-since": since}
        changes: dict[str, Size | None] = {}
        for server in items(cloud, "compute", "/servers/detail", "servers", page_size, query, NOVA_MICROVERSION):
            changes[str(server["id"])] = None if server.get("status") in _GONE else size_of(server)
        _require_cells(cloud)
        for identifier, size in changes.items():
            before = self._known.pop(identifier, None)
            if before is not None:
                add_server(self._usage, before, -1)
            if size is not None:
                self._known[identifier] = size
                add_server(self._usage, size)
        self._as_of = at
        return Counter({key: amount for key, amount in self._usage.items() if amount})


def _require_cells(cloud: Cloud) -> None:
    """Raises Incomplete while a cell does not answer: Nova lists its services with the status UNKNOWN (since 2.69)."""
    listed = cloud.call("compute", "GET", "/os-services", params={"binary": "nova-compute"}, microversion=NOVA_MICROVERSION)["services"]
    silent = sorted(str(service.get("host")) for service in listed if service.get("status") == "UNKNOWN")
    if silent:
        raise Incomplete(f"a cell does not answer: nothing is known of {', '.join(silent[:3])}{' …' if len(silent) > 3 else ''}")
