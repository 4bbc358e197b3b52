"""Many small environments, some at a time, beside as many by the bare engine, as many at a time; and the memory that it takes.

The bare ones are run by as many processes as there are at a time, each of which has imported all before its first. dcctl's are all approved at once;
the worker takes as many at a time as it is set to. Throughput is environments by the seconds from the first approval (the first start) to the last
end.
Targets: at least 0.9 of the bare throughput, at most 300 MiB for a running operation, at most 120 MiB for a worker at rest (PSS).
"""

import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any

from infra.site.layout import Site
from stacks.specs import parse
from tests.bench import bare, memory, ours
from tests.site import RunningSite

TARGET, OPERATION_MIB, REST_MIB = 0.9, 300.0, 120.0
SETTLE_SECONDS = 15.0
QUOTA = {
    "instances": 1, "cores": 1, "ram": 2048, "volumes": 1, "gigabytes": 1, "gigabytes_ssd": 1, "networks": 1, "routers": 1, "floatingips": 1,
}  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "apiVersion": "dcctl/v1", "kind": "Environment", "administration": "min-banc", "name": "banc", "offer": "standard", "quota": QUOTA,
    "network": {"cidr": "10.30.0.0/24", "external": "public"}, "members": ["banc-agent"],
    "servers": [
        {"name": "web", "flavor": "m1.tiny", "image": "cirros", "floating_ip": True, "ports": [443], "volumes": [{"size": 1, "type": "ssd"}]},
    ],
    "duration": "3 months", "justification": "Banc d'essai",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many environments, and how many of them at a time."""

    environments: int = 20
    at_once: int = 4


def prepare(site: RunningSite, environments: int) -> None:
    """The administration whose environments these are, with room for all of them."""
    site.prepare()
    site.administration(
        "min-banc", "Ministère du banc d'essai", agent="banc-agent", lead="banc-lead",
        envelope={resource: (environments + 1) * amount for resource, amount in QUOTA.items()},
    )  # fmt: skip


def run(site: RunningSite, rounds: int, size: Size) -> dict[str, Any]:
    """Measure; print a line a round; return the raw rounds and the medians."""
    prepare(site, size.environments)
    worker = site.pids()["worker"]
    rest = _at_rest(worker)
    found = []
    for number in range(rounds):
        theirs = bare_seconds(site.layout, number, size)
        with memory.Watch(worker) as watch:
            mine = dcctl_seconds(site, number, size)
        row = {
            "bare": theirs, "dcctl": mine, "throughput": theirs / mine, "operation_mib": watch.most_mib, "together_mib": watch.together_mib,
        }  # fmt: skip
        found.append(row)
        print(
            f"  round {number + 1}: {size.environments} environments, {size.at_once} at a time: bare {theirs:6.1f} s   dcctl {mine:6.1f} s   "
            f"throughput {row['throughput']:.2f}   an operation {watch.most_mib:.0f} MiB, all {watch.together_mib:.0f} MiB",
            flush=True,
        )
    rest_after = _at_rest(worker)
    throughput, most = statistics.median(row["throughput"] for row in found), max(row["operation_mib"] for row in found)
    print(f"  median throughput {throughput:.2f} (target {TARGET}); an operation at most {most:.0f} MiB (target {OPERATION_MIB:.0f})")
    print(f"  the worker at rest {rest:.0f} MiB before, {rest_after:.0f} MiB after (target {REST_MIB:.0f})")
    return {
        "environments": size.environments, "at_once": size.at_once, "rounds": found, "median_throughput": throughput, "operation_mib": most,
        "rest_mib": max(rest, rest_after),
    }  # fmt: skip


def over(result: dict[str, Any]) -> bool:
    """Whether a target is missed."""
    return bool(result["median_throughput"] < TARGET or result["operation_mib"] > OPERATION_MIB or result["rest_mib"] > REST_MIB)


def _at_rest(worker: int) -> float:
    time.sleep(SETTLE_SECONDS)
    return memory.pss_mib(worker)


def bare_seconds(layout: Site, round_: int, size: Size) -> float:
    """All of them by bare engines; cleared outside of the measured time."""
    with ProcessPoolExecutor(size.at_once, mp_context=get_context("spawn"), initializer=_sign_in, initargs=(layout,)) as pool:
        list(pool.map(_warm, range(size.at_once)))
        began = time.monotonic()
        built = list(pool.map(_build, [f"nu-{round_}-{number}" for number in range(size.environments)]))
        seconds = time.monotonic() - began
        list(pool.map(_clear, built))
    return seconds


_signed_in: list[Any] = []


def _sign_in(layout: Site) -> None:
    settings = bare.site_settings(RunningSite(layout))
    cloud = bare.site_cloud(settings)
    spec = parse(DOCUMENT)
    _signed_in[:] = [settings, cloud, spec, bare.resolve(settings, cloud, spec)]


def _warm(number: int) -> None:
    """Each process has begun when as many of these as there are processes have ended."""
    import stacks.servers  # noqa: F401 - imported before the measured time

    time.sleep(1.0)


def _build(name: str) -> bare.Built:
    settings, cloud, spec, resolved = _signed_in
    return bare.build(settings, cloud, replace(spec, name=name), replace(resolved, environment=name))


def _clear(built: bare.Built) -> None:
    settings, cloud, *_ = _signed_in
    bare.clear(settings, cloud, built)


def dcctl_seconds(site: RunningSite, round_: int, size: Size) -> float:
    """All of them by dcctl; given back outside of the measured time."""
    names = [f"banc-{round_}-{number}" for number in range(size.environments)]
    numbers = [ours.asked(site, "banc-agent", DOCUMENT | {"name": name}) for name in names]
    operations = [ours.approved(site, "banc-lead", number) for number in numbers]
    shown = [ours.ended(site, "banc-lead", operation) for operation in operations]
    ours.given_back(site, "banc-lead", *names)
    return max(ours.moment(one["finished_at"]) for one in shown) - min(ours.moment(one["created_at"]) for one in shown)


