"""Lists of everything, page after page, as plain JSON; whole or an error.

The SDK's objects cost milliseconds each. Pages are as long as the service likes: Nova tells of a cell that does not answer only where no page
length is asked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import status_of
from dcctl.cloud.paging import next_page
from dcctl.cloud.wording import clean
from dcctl.errors import CloudError
from metrics.counting import Incomplete, Unsettled

ATTEMPTS = 3

Query = Mapping[str, str] | Sequence[tuple[str, str]]
T = TypeVar("T")


def settled(service: str, action: str, read: Callable[[], T]) -> T:
    """What `read` returns; read again from the start when the lists changed meanwhile, so that nothing is counted of two moments.

    Raises:
        CloudError: the service refused, did not answer, answered in part or with something else than was asked for.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return read()
        except Unsettled as error:
            if attempt == ATTEMPTS:
                raise unusable(service, action, str(error)) from error
        except CloudError as error:
            if attempt == ATTEMPTS or not marker_is_gone(error):
                raise
        except Incomplete as error:
            raise unusable(service, action, str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unusable(service, action, f"the answer is not of the expected form ({type(error).__name__}: {error})") from error
    raise AssertionError("unreachable: the last attempt raises")  # pragma: no cover


def unusable(service: str, action: str, words: str) -> CloudError:
    """The service answered, but not what can be counted."""
    return CloudError("DCCTL-402", service=service, action=action, status=None, words=clean(words))


def items(
    cloud: Cloud, service: str, path: str, key: str, page_size: int | None, query: Query = (), microversion: str | None = None, identity: str = "id"
) -> Iterator[Mapping[str, Any]]:
    """Every item of a list, once, page after page; only one page is held at a time.

    Where the last item of a page is deleted before the next page is asked for, the list is taken up again a little further back: from its
    start it might never come to an end in a cloud where something is always being deleted.
    """
    params = list(query.items() if isinstance(query, Mapping) else query)
    if page_size is not None:
        params.append(("limit", str(page_size)))
    seen: dict[str, None] = {}  # in their order
    back = 0  # by how many items the list was taken up again, and so how many pages at most bring nothing new
    while True:
        try:
            document = cloud.call(service, "GET", path, params=params, microversion=microversion)
        except CloudError as error:
            back = max(1, 2 * back)
            if not marker_is_gone(error) or back >= len(seen) or dict(params).get("marker") not in seen:
                raise
            earlier = next(islice(reversed(seen), back, None))
            params = [(name, earlier if name == "marker" else value) for name, value in params]
            continue
        if not isinstance(document, dict) or not isinstance(document.get(key), list):
            raise Incomplete(f"the answer to GET {path} has no list {key}")
        known = len(seen)
        for item in document[key]:
            if str(item[identity]) not in seen:
                seen[str(item[identity])] = None
                yield item
        following = next_page(document)
        if following is None:
            if document.get("truncated"):
                raise Incomplete(f"the answer to GET {path} is cut off by the service's own limit")
            return
        if len(seen) > known:
            back = 0
        elif not document[key]:
            return
        elif back == 0:
            raise Unsettled(f"the pages of GET {path} repeat themselves")
        else:
            back -= 1
        params = following


def marker_is_gone(error: CloudError) -> bool:
    """Whether the service refuses because it no longer has the item that the page was to begin after."""
    return status_of(error) in (400, 404) and "marker" in str(error.params.get("words", "")).casefold()
