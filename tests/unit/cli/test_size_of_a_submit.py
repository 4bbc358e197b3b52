"""What a submit sends: little enough for a bad link, whichever of the national platforms it asks for."""

import json

import pytest
from ruamel.yaml import YAML

from infra.site.layout import CHECKOUT

EXAMPLES = sorted((CHECKOUT / "examples").glob("*.yaml"))
#: Of everything that is sent; a token of Keystone's (Fernet) and the headers of the request take less than half of what is left for them.
MOST_BYTES, HEADERS_BYTES = 10_000, 2_000


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_submit_is_under_ten_kilobytes(path: object) -> None:
    spec = YAML(typ="safe", pure=True).load(path)
    sent = json.dumps({"kind": "environment", "spec": spec}, ensure_ascii=False, default=str).encode()
    assert len(sent) + HEADERS_BYTES < MOST_BYTES
