"""Where every error of the SDK, keystoneauth and the HTTP library becomes a `CloudError`, and which of them are worth another try.

refused      the service answered 4xx: DCCTL-401 with service, status, action, and the service's own words
unreachable  no answer, 5xx, no token, no endpoint: DCCTL-402
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests.exceptions
import stamina
import urllib3.exceptions
from keystoneauth1 import exceptions as ksa
from openstack import exceptions as sdk

from dcctl.cloud.wording import clean, words_of
from dcctl.errors import CloudError

#: How people call the services; anything else is named by its type in the catalogue.
NAMES = {
    "compute": "Nova", "block-storage": "Cinder", "network": "Neutron", "identity": "Keystone", "image": "Glance", "placement": "Placement",
}  # fmt: skip
_FOREIGN = (ksa.ClientException, sdk.SDKException, requests.exceptions.RequestException, OSError)
#: Answers after which the same read may succeed. Of these only `_REFUSED_UNDONE` say that nothing was done.
_PASSING = frozenset({429, 500, 502, 503, 504})
_REFUSED_UNDONE = frozenset({429, 503})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})


#: A service may ask for more; whoever waits is told that it is away instead.
LONGEST_PAUSE_SECONDS = 10.0
#: After so long nothing is tried again.
RETRY_SECONDS = 15.0
#: Where a sentence about a connection goes over into the HTTP library's inner state.
_LIBRARY = re.compile(r":?\s*(?:HTTPS?ConnectionPool|\('Connection aborted)")


@contextmanager
def translated(service: str, action: str) -> Iterator[None]:
    """Raise what goes wrong inside as a `CloudError` about `service` and `action`, from the original."""
    try:
        yield
    except _FOREIGN as error:
        raise failure(service, action, error) from error


def failure(service: str, action: str, error: Exception) -> CloudError:
    """The `CloudError` that says what `error` says."""
    name = NAMES.get(service.replace("_", "-"), service)
    if isinstance(error, ksa.Unauthorized) and service != "identity":
        name = NAMES["identity"]
    status = http_status(error)
    words = _words(error)
    if status is not None and 400 <= status < 500:
        return CloudError("DCCTL-401", service=name, action=clean(action), status=status, words=words)
    return CloudError("DCCTL-402", service=name, action=clean(action), status=status, words=words)


def outcome_of(error: Exception) -> str:
    """What came of a call that raised: the service refused, or it failed or did not answer."""
    status = http_status(error)
    return "refused" if status is not None and 400 <= status < 500 else "failed"


def status_of(error: CloudError) -> int | None:
    """The HTTP status that the service answered; None when it did not answer."""
    status = error.params.get("status")
    return status if isinstance(status, int) else None


def worth_another_try(method: str) -> Callable[[Exception], bool | float]:
    """A predicate: may a call with this method be repeated after that error without doing anything twice? Seconds, where the service named them."""

    def decide(error: Exception) -> bool | float:
        if isinstance(error, ksa.RetriableConnectionFailure):
            return method in _IDEMPOTENT or _never_sent(error)
        again = http_status(error) in (_PASSING if method in ("GET", "HEAD") else _REFUSED_UNDONE)
        return _retry_after(error) or True if again else False

    return decide


def persistently(method: str, *, attempts: int) -> stamina.BoundRetryingCaller:
    """Calls what makes one call with this method, and again after what may pass and does nothing twice: so often at most, and not for long."""
    tries = stamina.RetryingCaller(attempts=attempts, timeout=RETRY_SECONDS, wait_initial=0.3, wait_max=4.0, wait_jitter=0.3)
    return tries.on(worth_another_try(method))


def _retry_after(error: Exception) -> float | None:
    """What the answer's Retry-After asks for, in seconds, bounded; None where it asks for nothing that can be understood."""
    said = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "").strip()
    try:
        seconds = float(said) if said.isdigit() else (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.1), LONGEST_PAUSE_SECONDS)


def _never_sent(error: BaseException) -> bool:
    """Whether the connection was not even made (keystoneauth raises its own error while it handles that of requests)."""
    inner = error.__cause__ or error.__context__
    reason = getattr(inner.args[0], "reason", None) if isinstance(inner, requests.exceptions.ConnectionError) and inner.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def http_status(error: Exception) -> int | None:
    """The HTTP status of the answer that became this error of the SDK; None: there was no answer."""
    status = getattr(error, "http_status", None) or getattr(error, "status_code", None)
    return status if isinstance(status, int) and status > 0 else None


def _words(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return words_of(response.text, otherwise=f"HTTP {response.status_code}")
    return clean(_LIBRARY.split(str(error))[0]) or type(error).__name__
