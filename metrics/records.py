"""Nova's own records of use, for whole hours that have ended: servers that lived between two readings are in them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dcctl.cloud.connect import Cloud
from dcctl.cloud.paging import next_page
from metrics.counting import Incomplete
from metrics.listing import settled
from metrics.spans import HOUR, recorded

#: Pages came with 2.40.
_MICROVERSION = "2.40"
_PATH = "/os-simple-tenant-usage"


def of_hour(cloud: Cloud, hour: datetime, page_size: int | None = None) -> dict[tuple[str, str], int]:
    """(project id, resource) -> units x seconds in that hour, of every project, all pages.

    Raises:
        CloudError: Nova refused, did not answer, or answered in part.
    """

    def read() -> dict[tuple[str, str], int]:
        records: dict[str, Mapping[str, Any]] = {}
        params = [("detailed", "1"), ("start", _naive(hour)), ("end", _naive(hour + HOUR))]
        if page_size is not None:
            params.append(("limit", str(page_size)))
        while True:
            document = cloud.call("compute", "GET", _PATH, params=params, microversion=_MICROVERSION)
            if not isinstance(document, dict) or not isinstance(document.get("tenant_usages"), list):
                raise Incomplete(f"the answer to GET {_PATH} has no list tenant_usages")
            page = [record for tenant in document["tenant_usages"] for record in tenant["server_usages"]]
            before = len(records)
            records.update({str(record["instance_id"]): record for record in page})
            following = next_page(document)
            if following is None:
                return recorded(hour, records.values())
            if len(records) == before:
                raise Incomplete(f"the pages of GET {_PATH} repeat themselves")
            params = following

    return settled("Nova", f"GET {_PATH}", read)


def _naive(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
