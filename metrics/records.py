"""Nova's own records of use, for whole hours that have ended: servers that lived between two readings are in them.

A hundred thousand servers have a hundred pages of records, as many as their list, and no pass should cost that on top of its own. So an hour is read
a few pages at a time, pass after pass; of each page only the sums are kept, and the ids, so that nothing is counted twice.
"""

from collections import Counter
from datetime import datetime

from dcctl.cloud.connect import Cloud
from dcctl.cloud.paging import next_page
from dcctl.errors import CloudError
from metrics.counting import Incomplete
from metrics.listing import Query, marker_is_gone, settled
from metrics.spans import HOUR, recorded

#: Pages came with 2.40.
_MICROVERSION = "2.40"
_PATH = "/os-simple-tenant-usage"
#: An hour of which so many pages failed is begun anew.
FAILURES = 5


class Records:
    """What has been read of one hour; nothing before the first page."""

    def __init__(self) -> None:
        self._hour: datetime | None = None
        self._next: Query = ()
        self._seen: set[str] = set()
        self._used: Counter[tuple[str, str]] = Counter()
        self._failures = 0

    @property
    def hour(self) -> datetime | None:
        """The hour that is under way; None: none is."""
        return self._hour

    def read(self, cloud: Cloud, hour: datetime, most_calls: int | None = None, page_size: int | None = None) -> dict[tuple[str, str], int] | None:
        """Go on with the hour, or begin it: (project id, resource) -> units x seconds in it, of every project; None while there are pages left.

        Args:
            most_calls: pages to read at most; None: all there are.

        Raises:
            CloudError: Nova refused, did not answer, or answered in part. The page is asked for again the next time, or the hour begun anew where
                Nova lost its place or failed too often.
        """
        if hour != self._hour:
            self._begin(hour, page_size)
        while most_calls is None or most_calls > 0:
            try:
                more = settled("Nova", f"GET {_PATH}", lambda: self._page(cloud, hour))
            except CloudError as error:
                self._failures += 1
                if marker_is_gone(error) or self._failures == FAILURES:
                    self._hour = None
                raise
            if not more:
                used, self._hour = dict(self._used), None
                self._seen, self._used = set(), Counter()
                return used
            most_calls = None if most_calls is None else most_calls - 1
        return None

    def _begin(self, hour: datetime, page_size: int | None) -> None:
        params = [("detailed", "1"), ("start", _naive(hour)), ("end", _naive(hour + HOUR))]
        self._hour, self._next = hour, params if page_size is None else [*params, ("limit", str(page_size))]
        self._seen, self._used, self._failures = set(), Counter(), 0

    def _page(self, cloud: Cloud, hour: datetime) -> bool:
        """Count one page in; whether there is another one."""
        document = cloud.call("compute", "GET", _PATH, params=self._next, microversion=_MICROVERSION)
        if not isinstance(document, dict) or not isinstance(document.get("tenant_usages"), list):
            raise Incomplete(f"the answer to GET {_PATH} has no list tenant_usages")
        found = {str(record["instance_id"]): record for tenant in document["tenant_usages"] for record in tenant["server_usages"]}
        fresh = [record for identifier, record in found.items() if identifier not in self._seen]
        used = recorded(hour, fresh)
        following = next_page(document)
        if following is not None and not fresh:
            raise Incomplete(f"the pages of GET {_PATH} repeat themselves")
        self._used.update(used)
        self._seen |= found.keys()
        self._next = following or ()
        return following is not None


def of_hour(cloud: Cloud, hour: datetime, page_size: int | None = None) -> dict[tuple[str, str], int]:
    """The same at once, all pages. Raises as `Records.read`."""
    used = Records().read(cloud, hour, page_size=page_size)
    assert used is not None
    return used


def _naive(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
