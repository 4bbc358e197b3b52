"""How the API's process ends; in a file of its own that comes after all others, for it takes the session's API with it."""

import json

from tests.acceptance.api.conftest import START_SECONDS, Service


def test_the_process_ends_cleanly_when_it_is_told_to(service: Service, operator: str) -> None:
    service.process.terminate()

    assert service.process.wait(START_SECONDS) == 0
    assert json.loads(service.log.read_text().splitlines()[-1])["event"] == "ended"
