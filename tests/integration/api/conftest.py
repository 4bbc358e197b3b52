"""A fresh database for each test, and the API over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from dcctl import migrations
from dcctl.api import server
from dcctl.config import Api as ApiSettings
from dcctl.config import Cloud, Database, Settings
from dcctl.workflow.app import App
from tests import postgres
from tests.integration.api.stack import REGION, Api, Keystone, seed


@pytest.fixture(autouse=True, scope="session")
def plain_log() -> None:
    """One line an event, as the server writes them; structlog's own way shows the variables of a traceback, for a minute."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])


def made(postgresql: postgres.Server, directory: Path) -> Iterator[Api]:
    dsn = postgresql.database(lambda dsn: migrations.upgrade(postgres.alchemy(dsn)), key="migrations")
    clouds = directory / "clouds.yaml"
    clouds.write_text("clouds: {dcctl-admin: {auth: {auth_url: 'http://127.0.0.1:22001/v3', username: dcctl-admin, password: x}}}\n")
    app = App(
        Settings(
            database=Database(application=postgresql.url(postgres_name(dsn), "dcctl_app")),
            cloud=Cloud(region=REGION, clouds_yaml=clouds),
            api=ApiSettings(threads=4, requests_a_minute=0),
        )
    )
    seed(app)
    yield Api(server.front(app, guard=Keystone), app)
    app.close()
    postgresql.drop(dsn)


@pytest.fixture
def api(postgresql: postgres.Server, tmp_path: Path) -> Iterator[Api]:
    """Over a database of this test's own."""
    yield from made(postgresql, tmp_path)


@pytest.fixture(scope="module")
def standing(postgresql: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Shared by the tests of a file that change nothing."""
    yield from made(postgresql, tmp_path_factory.mktemp("standing"))


def postgres_name(dsn: str) -> str:
    return dsn.partition("@/")[2].partition("?")[0]
