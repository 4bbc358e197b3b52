"""What bad input gets: the field, what is allowed, everything at once, in the caller's language; and nothing half done."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from dcctl.api import server
from dcctl.config import Api as ApiSettings
from dcctl.config import Cloud, Database, Settings
from dcctl.errors import DcctlError
from dcctl.workflow.app import App
from tests.integration.api.stack import PAPER, SPEC, Api, Keystone


@pytest.mark.parametrize("person", [None, "", "somebody"])
def test_without_a_token_nothing_is_answered(standing: Api, person: str | None) -> None:
    answer = standing("GET", "/v1/whoami", person)

    assert (answer.status, answer.code, answer.body["error"]["exit"]) == (401, "DCCTL-103", 3)
    assert answer.headers["www-authenticate"].startswith("Keystone uri=")


def test_the_same_answer_in_both_languages(standing: Api) -> None:
    french = standing("GET", "/v1/capacity", "sante-agent", headers={"Accept-Language": "fr-BJ"}).body["error"]
    english = standing("GET", "/v1/capacity", "sante-agent", headers={"Accept-Language": "en"}).body["error"]

    assert english["message"] == "Your roles (dc_agent) do not allow this: capacity:show."
    assert english["next"] == "It needs dc_operator, dc_auditor. See dcctl whoami."
    assert french["message"] != english["message"]
    assert {key: french[key] for key in ("code", "params", "exit")} == {key: english[key] for key in ("code", "params", "exit")}


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v2/whoami", "/v1/whoami/", "/v1/environments/min-sante", "/v1/../v1/whoami", "/v1/\x00", "/v1/administrations/\x1b[2J", "/é"],
)
def test_an_address_that_there_is_not_is_a_404_in_the_one_form(standing: Api, path: str) -> None:
    answer = standing("GET", path, "operator")

    assert (answer.status, answer.code) == (404, "DCCTL-107")
    assert "\x1b" not in json.dumps(answer.body, ensure_ascii=False)


def test_bytes_that_are_no_text_are_refused_before_anything_is_asked(standing: Api) -> None:
    environ_path = b"/v1/administrations/\xff\xfe".decode("latin-1")
    told: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": environ_path, "QUERY_STRING": "", "CONTENT_LENGTH": "0"}

    content = b"".join(standing.front(environ, lambda line, headers, exc_info=None: told.append(line)))

    assert told == ["404 DCCTL-107"]
    assert json.loads(content)["error"]["code"] == "DCCTL-107"


def test_a_method_that_there_is_not_says_which_there_are(standing: Api) -> None:
    answer = standing("PATCH", "/v1/administrations", "operator", {})

    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "DCCTL-002", "GET")


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"text"', b"\xff", b"null", b"[" * 100_000, b'{"code": ' + b"9" * 5000 + b"}", b"NaN"])
def test_a_body_that_is_no_object_is_refused(standing: Api, raw: bytes) -> None:
    answer = standing("POST", "/v1/administrations", "operator", raw=raw)

    assert answer.status in (400, 422)
    assert (answer.code, answer.body["error"]["exit"]) == ("DCCTL-002", 2)


def test_a_body_beyond_a_mebibyte_is_refused_without_a_look_at_the_token(standing: Api) -> None:
    answer = standing("POST", "/v1/requests", None, raw=b" " * ((1 << 20) + 1))

    assert (answer.status, answer.code) == (413, "DCCTL-502")
    assert answer.body["error"]["message"] == "The request is too large (1048577 bytes; at most 1048576)."


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_cannot_be_stored_is_refused_wherever_it_is(standing: Api, text: str) -> None:
    key = {"Idempotency-Key": "key-of-hostile-text"}
    for body in ({"kind": "environment", "spec": SPEC | {"justification": text}}, {"kind": "environment", "spec": {text: 1}}):
        assert standing("POST", "/v1/requests", "sante-agent", body, headers=key).code == "DCCTL-002"
    assert standing("GET", "/v1/requests", "sante-agent", state="a\x00b").code == "DCCTL-002"


@pytest.mark.parametrize("key", [None, "", "short", "x" * 129, "with space and more", "é" * 10])
def test_a_request_needs_an_idempotency_key(standing: Api, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}

    answer = standing("POST", "/v1/requests", "sante-agent", {"kind": "environment", "spec": SPEC}, headers=headers)

    assert (answer.status, answer.code, answer.body["error"]["params"]["field"]) == (422, "DCCTL-002", "Idempotency-Key")


def test_the_same_key_and_body_is_the_same_request(api: Api) -> None:
    body, headers = {"kind": "environment", "spec": SPEC}, {"Idempotency-Key": "0123456789abcdef"}

    first = api("POST", "/v1/requests", "sante-agent", body, headers=headers)
    again = api("POST", "/v1/requests", "sante-agent", body, headers=headers)
    other = api("POST", "/v1/requests", "sante-agent", {"kind": "environment", "spec": SPEC | {"duration": "6 months"}}, headers=headers)

    assert (first.status, again.status) == (201, 200)
    assert first.body["number"] == again.body["number"]
    assert (other.status, other.code) == (409, "DCCTL-303")


def test_every_amount_that_cannot_be_is_named_and_nothing_is_posted(api: Api) -> None:
    before = api("GET", "/v1/capacity").body
    resources = {
        "core": 1,
        "cores": 1.5,
        "ram": -1,
        "volumes": "7",
        "gigabytes": 2**53 + 1,
        "networks": -3,
        "ports": 5,
        "routers": True,
        "instances": 0,
    }

    answer = api("POST", "/v1/grants", "operator", {"administration": "min-sante", "resources": resources, **PAPER})

    assert (answer.status, answer.code) == (422, "DCCTL-002")
    said = {p["field"].partition(".")[2]: (p["value"], p["fault"]) for p in answer.body["error"]["params"]["problems"]}
    assert said == {
        "core": ("1", "unknown"), "cores": ("1.5", "fraction"), "ram": ("-1", "unlimited"), "volumes": ("7", "not_a_number"),
        "gigabytes": ("9007199254740993", "too_large"), "networks": ("-3", "negative"), "ports": ("5", "unknown"),
        "routers": ("True", "not_a_number"), "instances": ("0", "negative"),
    }  # fmt: skip
    assert "resources.core: 1 is not allowed (cores?, instances, cores," in answer.body["error"]["message"]
    assert api("GET", "/v1/capacity").body == before


def test_an_empty_reason_and_a_foreign_key_are_named_together(standing: Api) -> None:
    answer = standing("PUT", "/v1/capacity", "operator", {"resources": {"cores": 1}, "reason": "  ", "document": "PV 3", "colour": "green"})

    assert [p["field"] for p in answer.body["error"]["params"]["problems"]] == ["reason", "colour"]


def test_whoever_cannot_reach_the_database_is_told_so(tmp_path: Path) -> None:
    app = App(Settings(database=Database(application=f"postgresql+psycopg://dcctl_app@/dcctl?host={tmp_path}")))
    api = Api(server.front(app, guard=Keystone), app)
    try:
        for path, person in (("/readyz", None), ("/v1/offers", "operator"), ("/v1/quota", "sante-agent")):
            answer = api("GET", path, person)
            assert (answer.status, answer.code, answer.body["error"]["exit"]) == (503, "DCCTL-501", 4)
        assert api("GET", "/healthz", None).status == 200
    finally:
        app.close()


def test_what_nobody_foresaw_gives_a_reference_and_no_detail(api: Api) -> None:
    # The queue's tables are gone: a submit meets an error that no use case knows.
    url = api.app.settings.database.application.replace("dcctl_app@", "postgres@")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE procrastinate_jobs CASCADE")
    engine.dispose()

    answer = api("POST", "/v1/requests", "sante-agent", {"kind": "environment", "spec": SPEC}, headers={"Idempotency-Key": "0123456789abcdef"})

    assert (answer.status, answer.code) == (500, "DCCTL-500")
    assert answer.body["error"]["params"] == {"reference": answer.headers["x-openstack-request-id"]}
    assert "procrastinate" not in json.dumps(answer.body)


def test_a_keystone_that_does_not_answer_is_a_503_of_its_own(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/v3"  # bound, and nobody listens
        conf = tmp_path / "authtoken.conf"
        conf.write_text(
            f"[keystone_authtoken]\nauth_type = password\nauth_url = {nobody}\nwww_authenticate_uri = {nobody}\nusername = dcctl-api\n"
            "password = x\nuser_domain_name = Default\nproject_name = service\nproject_domain_name = Default\nhttp_request_max_retries = 0\n"
        )
        app = App(Settings(api=ApiSettings(authtoken_conf=conf), cloud=Cloud(region="cotonou")))

        answer = Api(server.front(app), app)("GET", "/v1/whoami", "gAAAAAB")

    assert (answer.status, answer.code, answer.body["error"]["exit"]) == (503, "DCCTL-104", 4)
    assert answer.body["error"]["params"] == {"url": nobody}


def test_a_configuration_of_the_token_check_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    app = App(Settings(api=ApiSettings(authtoken_conf=tmp_path / "authtoken.conf")))

    with pytest.raises(DcctlError) as refused:
        server.front(app)

    assert refused.value.code == "DCCTL-003"
    assert "authtoken.conf" in refused.value.params["path"]


@pytest.mark.parametrize("given", ["req-1", "req-0123abcd-0123-4abc-8abc-0123456789ab\r\nSet-Cookie: x=1", "x" * 10_000])
def test_a_request_id_of_another_form_is_not_repeated(standing: Api, given: str) -> None:
    answer = standing("GET", "/v1/whoami", headers={"X-Openstack-Request-Id": given})

    assert len(answer.headers["x-openstack-request-id"]) == 40
    assert answer.headers["x-openstack-request-id"] not in given
