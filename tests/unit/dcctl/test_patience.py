"""A service that has too much to do is asked again a few times, and nothing else is."""

import pytest

from dcctl.provisioner.errors import Diagnostic, EngineFailed
from dcctl.workflow.patience import PAUSES_SECONDS, patiently


def failed(*statuses: int | None) -> EngineFailed:
    return EngineFailed("trop de demandes", [Diagnostic(words="trop de demandes", status=status) for status in statuses])


class Service:
    """Fails as it is told to, then does it."""

    def __init__(self, *failures: EngineFailed) -> None:
        self.failures, self.asked, self.paused = list(failures), 0, list[float]()

    def ask(self) -> str:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "fait"

    def pause(self, seconds: float, why: EngineFailed) -> None:
        assert why.summary == "trop de demandes"
        self.paused.append(seconds)


def test_a_busy_service_is_left_alone_for_longer_each_time():
    service = Service(failed(429), failed(503, 429))

    assert patiently(service.ask, service.pause) == "fait"
    assert service.paused == list(PAUSES_SECONDS[:2])


def test_after_a_failure_it_is_done_the_other_way():
    service, looked = Service(failed(503), failed(503)), list[int]()

    def looking() -> str:
        looked.append(service.asked)
        return service.ask()

    assert patiently(service.ask, service.pause, looking) == "fait"
    assert looked == [1, 2]


def test_one_that_stays_busy_is_a_failure_in_the_end():
    service = Service(*[failed(429)] * 99)

    with pytest.raises(EngineFailed):
        patiently(service.ask, service.pause)

    assert (service.asked, service.paused) == (len(PAUSES_SECONDS) + 1, list(PAUSES_SECONDS))


@pytest.mark.parametrize("other", [failed(), failed(500), failed(429, 409), failed(429, None)], ids=["unknown", "500", "409 too", "none too"])
def test_anything_else_is_a_failure_at_once(other: EngineFailed):
    service = Service(other)

    with pytest.raises(EngineFailed) as raised:
        patiently(service.ask, service.pause)

    assert raised.value is other
    assert (service.asked, service.paused) == (1, [])
