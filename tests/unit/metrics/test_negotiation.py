import pytest

from metrics.negotiation import wants_gzip, wants_openmetrics


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5", True),
        ("application/openmetrics-text; version=1.0.0; escaping=allow-utf-8; q=0.6, text/plain; version=0.0.4", False),
        ("application/openmetrics-text", True), ("application/openmetrics-text;version=0.0.1", False), ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text;q=0", False), ("application/openmetrics-text;q=beaucoup", False), ("*/*", False), ("", False), (",;=", False),
    ],
)  # fmt: skip
def test_openmetrics_is_for_whoever_names_it_and_does_not_want_the_text_more(accept: str, wanted: bool):
    assert wants_openmetrics(accept) is wanted


@pytest.mark.parametrize(
    ("encoding", "wanted"),
    [("gzip", True), ("gzip, deflate, br", True), ("identity, *;q=0.5", True), ("gzip;q=0", False), ("gzip;q=0, *", False), ("identity", False),
     ("", False)],
)  # fmt: skip
def test_gzip_is_for_whoever_takes_it(encoding: str, wanted: bool):
    assert wants_gzip(encoding) is wanted
