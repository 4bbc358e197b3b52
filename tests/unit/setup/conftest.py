"""What installs and starts a site speaks English in these tests, unless one of them says otherwise."""

import pytest

from dcctl import words


@pytest.fixture(autouse=True)
def english():
    words.use("en")
