"""The quota APIs of the three services behind one shape: read with use, write, defaults, forget.

Nova is asked with microversion 2.56, the last one that still shows the limits on injected files, which bind in every version.
Source: nova os-quota-sets, cinder os-quota-sets, neutron quotas v2 and quota_details.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcctl.cloud.connect import Cloud
from dcctl.cloud.limit_rules import BLOCK_STORAGE, COMPUTE, NETWORK, Use
from dcctl.cloud.wording import clean
from dcctl.errors import CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaApi:
    """Where one service keeps its limits.

    Attributes:
        service_type: as in a `LimitKey` and in the catalogue.
        own: path of a project's limits; `use`: of its limits and use; `default`: of what a project without own limits has.
        document: the key under which they travel.
    """

    service_type: str
    own: str
    use: str
    default: str
    document: str
    in_use: str = "in_use"
    microversion: str | None = None
    use_query: tuple[tuple[str, str], ...] = ()

    def read(self, cloud: Cloud, project_id: str) -> dict[str, int]:
        """The limits that the service enforces on the project, key by key; -1 is unlimited."""
        return self._limits(self._get(cloud, self.own.format(project_id)))

    def read_defaults(self, cloud: Cloud) -> dict[str, int]:
        """What a project without own limits may have."""
        return self._limits(self._get(cloud, self.default.format(cloud.own_project_id)))

    def read_use(self, cloud: Cloud, project_id: str) -> tuple[dict[str, int], dict[str, Use]]:
        """Limits and use in one answer; a key that the service cannot count has no use."""
        limits, used = {}, {}
        for key, value in self._get(cloud, self.use.format(project_id), self.use_query).items():
            if isinstance(value, dict):
                limits[key] = int(value["limit"])
                used[key] = Use(in_use=int(value.get(self.in_use) or 0), reserved=int(value.get("reserved") or 0))
        return limits, used

    def write(self, cloud: Cloud, project_id: str, limits: Mapping[str, int]) -> dict[str, str]:
        """Write limits; returns the service's words for each key that it refused.

        The services refuse a whole set for one key, so after a refusal every key is tried alone.
        """
        if not limits:
            return {}
        try:
            self._put(cloud, project_id, limits)
        except CloudError as error:
            if error.code != "DCCTL-401":
                raise
            if len(limits) == 1:
                return {key: str(error.params["words"]) for key in limits}
            refused: dict[str, str] = {}
            for key, amount in limits.items():
                refused |= self.write(cloud, project_id, {key: amount})
            return refused
        return {}

    def forget(self, cloud: Cloud, project_id: str) -> None:
        """Delete the rows of a project that is gone; what is left is the default."""
        cloud.call(self.service_type, "DELETE", self.own.format(project_id), absent_ok=True)

    def _put(self, cloud: Cloud, project_id: str, limits: Mapping[str, int]) -> None:
        body = {self.document: dict(limits)}
        cloud.call(self.service_type, "PUT", self.own.format(project_id), body=body, microversion=self.microversion)

    def _get(self, cloud: Cloud, path: str, query: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
        answer = cloud.call(self.service_type, "GET", path, params=query, microversion=self.microversion)
        document = answer.get(self.document) if isinstance(answer, dict) else None
        if not isinstance(document, dict):
            raise CloudError("DCCTL-402", service=self.service_type, action=f"GET {path}", status=None, words=clean(f"no {self.document}: {answer}"))
        return document

    @staticmethod
    def _limits(document: Mapping[str, Any]) -> dict[str, int]:
        return {key: value for key, value in document.items() if isinstance(value, int) and not isinstance(value, bool)}


QUOTA_APIS = (
    QuotaApi(
        service_type=COMPUTE,
        own="/os-quota-sets/{}",
        use="/os-quota-sets/{}/detail",
        default="/os-quota-sets/{}/defaults",
        document="quota_set",
        microversion="2.56",
    ),
    QuotaApi(
        service_type=BLOCK_STORAGE,
        own="/os-quota-sets/{}",
        use="/os-quota-sets/{}",
        default="/os-quota-sets/{}/defaults",
        document="quota_set",
        use_query=(("usage", "True"),),
    ),
    QuotaApi(
        service_type=NETWORK,
        own="/quotas/{}",
        use="/quotas/{}/details",
        default="/quotas/{}/default",
        document="quota",
        in_use="used",
    ),
)
