"""Errors of the SDK and of HTTP become ours at one place; which of them may be tried again depends on what could be done twice."""

import pytest
import requests
import urllib3.exceptions
from keystoneauth1 import exceptions as ksa
from openstack.exceptions import ConfigException

from dcctl.cloud.failures import failure, status_of, translated, worth_another_try
from dcctl.errors import CloudError


def answered(status: int, body: str) -> ksa.HttpError:
    response = requests.Response()
    response.status_code, response._content, response.encoding = status, body.encode(), "utf-8"
    response.headers["Content-Type"] = "application/json"
    return ksa.from_response(response, "PUT", "http://127.0.0.1/v2.1/os-quota-sets/7")


def test_a_refusal_says_who_refused_what_and_in_which_words() -> None:
    original = answered(400, '{"badRequest": {"message": "must be less than 2147483647"}}')

    with pytest.raises(CloudError) as caught, translated("compute", "PUT /os-quota-sets/7"):
        raise original

    assert caught.value.code == "DCCTL-401"
    assert caught.value.params == {"service": "Nova", "action": "PUT /os-quota-sets/7", "status": 400, "words": "must be less than 2147483647"}
    assert caught.value.__cause__ is original


def test_a_service_that_fails_is_not_one_that_refuses() -> None:
    error = failure("block-storage", "GET /volumes", answered(500, "<h1>Internal</h1>"))

    assert (error.code, status_of(error), error.params["words"]) == ("DCCTL-402", 500, "Internal")


@pytest.mark.parametrize(
    "original", [ksa.ConnectFailure("no route"), ksa.EndpointNotFound("no endpoint"), ConfigException("Cloud x was not found."), OSError("gone")]
)
def test_no_answer_no_endpoint_and_no_entry_are_one_kind_of_error(original: Exception) -> None:
    error = failure("network", "GET /ports", original)

    assert (error.code, status_of(error), error.params["service"]) == ("DCCTL-402", None, "Neutron")
    assert error.params["words"]


def test_the_librarys_inner_state_is_not_told() -> None:
    said = "Unable to establish connection to http://127.0.0.1/v3: HTTPConnectionPool(host='127.0.0.1', port=80): Max retries exceeded"

    assert failure("identity", "GET /domains", ksa.ConnectFailure(said)).params["words"] == "Unable to establish connection to http://127.0.0.1/v3"


def test_a_token_that_is_refused_is_keystones_refusal() -> None:
    error = failure("compute", "GET /servers", answered(401, '{"error": {"message": "The request you have made requires authentication."}}'))

    assert (error.code, error.params["service"], status_of(error)) == ("DCCTL-401", "Keystone", 401)


def test_errors_that_are_not_the_clouds_pass() -> None:
    with pytest.raises(ZeroDivisionError), translated("compute", "GET /servers"):
        _ = 1 // 0


def never_sent() -> ksa.ConnectFailure:
    """As keystoneauth raises it: while it handles the library's error."""
    reason = urllib3.exceptions.NewConnectionError(urllib3.connection.HTTPConnection("127.0.0.1"), "refused")
    try:
        try:
            raise requests.exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/", reason))  # type: ignore[arg-type]
        except requests.exceptions.ConnectionError:
            raise ksa.ConnectFailure("refused")  # noqa: B904
    except ksa.ConnectFailure as error:
        return error


@pytest.mark.parametrize(
    ("method", "error", "again"),
    [
        ("GET", ksa.ConnectTimeout("slow"), True), ("PUT", ksa.ConnectFailure("reset"), True), ("DELETE", ksa.ConnectTimeout("slow"), True),
        ("POST", ksa.ConnectTimeout("slow"), False), ("POST", ksa.ConnectFailure("reset in the middle"), False), ("POST", never_sent(), True),
        ("GET", answered(500, ""), True), ("GET", answered(502, ""), True), ("PUT", answered(500, ""), False), ("POST", answered(503, ""), True),
        ("GET", answered(404, ""), False), ("GET", answered(400, ""), False), ("POST", answered(409, ""), False),
    ],
)  # fmt: skip
def test_only_what_cannot_happen_twice_is_tried_again(method: str, error: Exception, again: bool) -> None:
    assert worth_another_try(method)(error) is again


@pytest.mark.parametrize(
    ("said", "pause"),
    [("3", 3.0), ("3600", 10.0), ("0", 0.1), ("Sun, 06 Nov 1994 08:49:37 GMT", 0.1), ("soon", True), ("", True)],
)
def test_a_service_that_names_a_time_is_asked_again_after_it_but_nobody_waits_for_an_hour(said: str, pause: float) -> None:
    error = answered(429, "")
    error.response.headers["Retry-After"] = said

    assert worth_another_try("POST")(error) == pause
