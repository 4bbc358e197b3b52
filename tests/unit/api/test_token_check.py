"""The token check as it is shipped: whatever the site's file says, what was revoked counts no longer than a minute."""

from pathlib import Path

import pytest

from dcctl import bootstrap
from dcctl.api.server import keystone_guard
from dcctl.config import Api, Settings
from dcctl.errors import DcctlError

LONGEST_SECONDS = 60
FILE = """[keystone_authtoken]
auth_type = password
auth_url = http://127.0.0.1:15000/v3
www_authenticate_uri = http://127.0.0.1:15000/v3
username = dcctl
password = x
user_domain_name = Default
project_name = service
project_domain_name = Default
service_type = self-service
"""


def settings(file: Path) -> Settings:
    return Settings(api=Api(authtoken_conf=file))


@pytest.mark.parametrize("said", ["", "token_cache_time = 300\n", "token_cache_time = -1\n", "delay_auth_decision = true\n"])
def test_a_token_is_believed_for_less_than_a_minute_and_nobody_passes_without_one(tmp_path: Path, said: str) -> None:
    file = tmp_path / "authtoken.conf"
    file.write_text(FILE + said)
    guard, keystone = keystone_guard(settings(file))
    passed = []
    check = guard(lambda environ, start: passed.append(environ) or [b""])

    assert 0 < check._token_cache._cache_time < LONGEST_SECONDS
    assert keystone == "http://127.0.0.1:15000/v3"
    answers: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/v1/capacity", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8780", "wsgi.url_scheme": "http"}
    b"".join(check(environ, lambda line, headers, exc=None: answers.append(line)))
    assert (answers[0][:3], passed) == ("401", [])


def test_the_file_that_is_written_at_set_up_says_so_too() -> None:
    written = Path(bootstrap.__file__).read_text()
    (line,) = [line for line in written.splitlines() if "token_cache_time" in line]
    assert int(line.strip(' ",').rpartition("=")[2]) < LONGEST_SECONDS


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DcctlError) as missing:
        keystone_guard(settings(tmp_path / "authtoken.conf"))
    assert missing.value.code == "DCCTL-003"
