"""The connection cut at every byte of a submit and of its answer; tests/integration/api has two hundred of them."""

from tests.integration.api.conftest import api, plain_log
from tests.integration.api.stack import Api
from tests.integration.api.test_cut import Proxy, cut_at, proxy, sizes

__all__ = ["api", "plain_log", "proxy"]


def test_cut_at_every_byte_there_is_one_request_and_its_number_is_known(api: Api, proxy: Proxy) -> None:
    places = [(direction, byte) for direction, size in sizes(api, proxy).items() for byte in range(size + 1)]
    print(f"{len(places)} places")
    cut_at(api, proxy, places)
