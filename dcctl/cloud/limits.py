"""The limits that OpenStack enforces on a project: read, written and read back, in Nova, Cinder and Neutron.

What is written is never more than what is wanted, never unlimited, and never below what is used and reserved. Every key of every service is set
explicitly, so that a default that somebody raises later opens nothing. A service that answers 200 and changes nothing is found by the read-back.
Nova with unified limits is one: then Keystone's limits are written, and Nova is asked again what it enforces.
"""

from collections.abc import Mapping

from dcctl.cloud import keystone_limits
from dcctl.cloud.connect import Cloud
from dcctl.cloud.identity import project
from dcctl.cloud.limit_rules import (
    BLOCK_STORAGE,
    COMPUTE,
    NETWORK,
    UNLIMITED,
    LimitKey,
    LimitResult,
    LimitState,
    Use,
    Writes,
    classify,
    complete,
    counted,
    lacking,
    ledger_name,
    ledger_names,
    limit_key,
    limit_keys,
    wanted,
    writes,
)
from dcctl.cloud.quota_apis import QUOTA_APIS
from dcctl.errors import CloudError

__all__ = [
    "BLOCK_STORAGE", "COMPUTE", "NETWORK", "UNLIMITED", "LimitKey", "LimitResult", "LimitState", "Use", "complete", "counted", "defaults", "forget",
    "ledger_name", "ledger_names", "limit_key", "limit_keys", "read", "use", "wanted", "write",
]  # fmt: skip

#: Why a counted limit was not lowered although nothing is known to stand against it.
UNKNOWN_USE = "its use is not known"


def read(cloud: Cloud, project_id: str) -> dict[LimitKey, int]:
    """The limits of the project as the services have them; -1 is unlimited."""
    _checked(project_id)
    return {(api.service_type, key): limit for api in QUOTA_APIS for key, limit in api.read(cloud, project_id).items()}


def use(cloud: Cloud, project_id: str) -> dict[LimitKey, Use]:
    """What the services count against each limit of the project; keys that cannot be counted are left out."""
    _checked(project_id)
    return {(api.service_type, key): used for api in QUOTA_APIS for key, used in api.read_use(cloud, project_id)[1].items()}


def defaults(cloud: Cloud) -> dict[LimitKey, int]:
    """What a project without own limits may have: at a site of dcctl, nothing."""
    return {(api.service_type, key): limit for api in QUOTA_APIS for key, limit in api.read_defaults(cloud).items()}


def write(cloud: Cloud, project_id: str, limits: Mapping[LimitKey, int]) -> list[LimitResult]:
    """Set every limit of the project and read all of them back; one result for each key of each service, in a fixed order.

    Call it only with what the ledger has allocated.

    Args:
        limits: as `wanted` makes them; a key that is not named becomes 0. A volume type that is gone is `unsupported` (unless its limit
            is 0, which then is the truth); a structural key that no service reports limits nothing and is left out.

    Raises:
        CloudError: a service does not answer, or leaves out what the ledger counts (then nothing was written). What was
            written stays, is not more than wanted, and the call may be repeated.
    """
    _checked(project_id)
    before, used = _state(cloud, project_id)
    _whole(cloud, limits, before)
    goal = complete(limits, before)
    planned = writes(goal, before, used)
    words: dict[LimitKey, str] = {}
    for step in (planned.closing, planned.opening):
        for api in QUOTA_APIS:
            part = {key: amount for (service, key), amount in step.items() if service == api.service_type}
            words |= {(api.service_type, key): said for key, said in api.write(cloud, project_id, part).items()}
    after, used_now = _read_back(cloud, project_id, bool(words))
    used |= used_now
    words |= dict.fromkeys(planned.unknown, UNKNOWN_USE)
    unified = _unified(cloud, planned, goal, after, words)
    if unified:
        words |= _write_keystone(cloud, project_id, planned, before)
        after, used_now = _state(cloud, project_id)
        used |= used_now
    missing = {key: amount for key, amount in limits.items() if key not in before and amount > 0 and counted(key)}
    return [
        classify(
            key, amount, before.get(key), after.get(key), blocked=key in used and used[key].total > amount, words=words.get(key, ""),
            site_wide=unified and key[0] == COMPUTE and key[1] in keystone_limits.SITE_WIDE,
        )
        for key, amount in sorted((goal | missing).items())
    ]  # fmt: skip


def _whole(cloud: Cloud, limits: Mapping[LimitKey, int], reported: Mapping[LimitKey, int]) -> None:
    """Refuse an answer that lacks what the ledger counts: its old limit would stand, and be taken for written."""
    absent = [key for key in limits if counted(key) and key not in reported]
    types = cloud.pages(BLOCK_STORAGE, "/types", "volume_types", (("is_public", "None"),)) if absent else []
    missing = lacking(limits, reported, [str(kind["name"]) for kind in types])
    if missing:
        words = f"the answer lacks {', '.join(name for _, name in missing)}"
        raise CloudError("DCCTL-402", service=missing[0][0], action="GET quotas", status=None, words=words)


def _unified(cloud: Cloud, planned: Writes, goal: Mapping[LimitKey, int], after: Mapping[LimitKey, int], words: Mapping[LimitKey, str]) -> bool:
    """Whether Nova takes its limits from Keystone: it took a write without a word and enforces something else.

    Where Keystone has registered limits of Nova's, they are written even if nothing differs: a registered 0 is not a project's own 0.
    """
    written = [key for key in (*planned.closing, *planned.opening) if key[0] == COMPUTE and key not in words]
    if any(after.get(key) != goal[key] for key in written):
        keystone_limits.register(cloud)
        return True
    return bool(written) and bool(keystone_limits.registered(cloud))


def _write_keystone(cloud: Cloud, project_id: str, planned: Writes, before: Mapping[LimitKey, int]) -> dict[LimitKey, str]:
    """Write Nova's counted limits to Keystone, which looks at no use: so the use is looked at once more, and what it outgrew is put back."""
    refused: dict[LimitKey, str] = {}
    for step in (planned.closing, planned.opening):
        part = {key: amount for (service, key), amount in step.items() if service == COMPUTE and key in keystone_limits.NAMES}
        refused |= {(COMPUTE, key): said for key, said in keystone_limits.write(cloud, project_id, part).items()} if part else {}
    used = QUOTA_APIS[0].read_use(cloud, project_id)[1]
    outgrown = {
        key: max(before[COMPUTE, key], used[key].total)
        for (service, key), amount in planned.closing.items()
        if service == COMPUTE and key in keystone_limits.NAMES and key in used and used[key].total > amount
    }
    if outgrown:
        keystone_limits.write(cloud, project_id, outgrown)
    return refused


def forget(cloud: Cloud, project_id: str) -> None:
    """Delete what the services still keep about the limits of a project that is gone.

    Raises:
        ValueError: the project is still there; without own limits it would have the defaults.
    """
    _checked(project_id)
    if project(cloud, project_id) is not None:
        raise ValueError(f"project {project_id} is still there")
    for api in QUOTA_APIS:
        api.forget(cloud, project_id)


def _state(cloud: Cloud, project_id: str) -> tuple[dict[LimitKey, int], dict[LimitKey, Use]]:
    """Limits, and use where it can be counted. Neutron's detailed answer leaves out what it cannot count, so its limits are read too."""
    limits: dict[LimitKey, int] = {}
    used: dict[LimitKey, Use] = {}
    for api in QUOTA_APIS:
        own, own_use = api.read_use(cloud, project_id)
        if api.service_type == NETWORK:
            own = own | api.read(cloud, project_id)
        limits |= {(api.service_type, key): limit for key, limit in own.items()}
        used |= {(api.service_type, key): amount for key, amount in own_use.items()}
    return limits, used


def _read_back(cloud: Cloud, project_id: str, refused: bool) -> tuple[dict[LimitKey, int], dict[LimitKey, Use]]:
    """The limits as they are now; with use when something was refused, for use may have grown since it was looked at."""
    return _state(cloud, project_id) if refused else (read(cloud, project_id), {})


def _checked(project_id: str) -> None:
    """Refuse an id that would make another path of the call."""
    if not project_id or not project_id.replace("-", "").isalnum():
        raise ValueError(f"not a project's id: {project_id!r}")
