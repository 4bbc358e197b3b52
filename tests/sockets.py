"""What processes listen on, as the system's own tables say: nobody else knows the port that it gave somebody."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_LISTENS = "0A"
#: 127.0.0.1, as /proc/net/tcp writes it.
LOOPBACK = "0100007F"


def listening(pids: Iterable[int]) -> list[tuple[str, int]]:
    """Address (hexadecimal, as in /proc/net) and port of every TCP socket that one of the processes listens on, by IPv4 and IPv6."""
    own = {name for pid in pids for name in _opened(pid)}
    found = set()
    for protocol in ("tcp", "tcp6"):
        for line in Path("/proc/net", protocol).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and f"socket:[{fields[9]}]" in own:
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return sorted(found)


def _opened(pid: int) -> Iterator[str]:
    """Names of what the process has open."""
    with suppress(FileNotFoundError):  # it has just ended
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was just closed
                yield os.readlink(file)
