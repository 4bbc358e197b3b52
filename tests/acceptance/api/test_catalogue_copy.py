"""The copy of a real OpenStack's catalogue, and what is said of a cloud that does not answer."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from sqlmodel import select

from dcctl import migrations
from dcctl.config import Cloud as CloudSettings
from dcctl.config import Database, Settings
from dcctl.errors import CloudError
from dcctl.store import CatalogueItem, Source
from dcctl.workflow import catalogue
from dcctl.workflow.app import App
from tests import postgres
from tests.acceptance.api.conftest import Keystone


@pytest.fixture
def app(keystone: Keystone, postgresql: postgres.Server) -> Iterator[App]:
    dsn = postgresql.database(lambda dsn: migrations.upgrade(postgres.alchemy(dsn)), key="migrations")
    url = postgresql.url(dsn.partition("@/")[2].partition("?")[0], "dcctl_app")
    cloud = CloudSettings(clouds_yaml=keystone.file, admin=keystone.entry, region="cotonou")
    made = App(Settings(database=Database(application=url), cloud=cloud))
    yield made
    made.close()
    postgresql.drop(dsn)


def test_flavors_images_networks_and_volume_types_are_copied_and_vanish_when_they_are_gone(app: App) -> None:
    with app.transaction() as session:
        session.add(CatalogueItem(kind="flavor", name="m0.gone", cloud_id="gone"))

    count = catalogue.refresh(app)

    with app.reading() as session:
        items = session.exec(select(CatalogueItem)).all()
        sources = {source.name: source for source in session.exec(select(Source)).all()}
    assert len(items) == count
    by_kind = {kind: {item.name: item for item in items if item.kind == kind} for kind in ("flavor", "image", "network", "volume_type")}
    assert all(by_kind.values())
    assert "m0.gone" not in by_kind["flavor"]
    assert {"vcpus", "ram_mib"} <= by_kind["flavor"]["m1.small"].document.keys()
    assert sources["catalogue"].last_error is None
    assert sources["catalogue"].last_success_at is not None
    assert sources["default-quotas"].last_error is None  # the trial cloud's defaults are 0


def test_a_cloud_that_cannot_be_asked_leaves_the_copy_and_says_why(app: App, tmp_path: Path) -> None:
    catalogue.refresh(app)
    with app.reading() as session:
        before = {(item.kind, item.name): item.seen_at for item in session.exec(select(CatalogueItem)).all()}
    clouds = YAML(typ="safe").load(app.settings.cloud.clouds_yaml)
    clouds["clouds"][app.settings.cloud.admin]["auth"]["password"] += "-not"
    wrong = tmp_path / "clouds.yaml"
    wrong.write_text(json.dumps(clouds))
    broken = App(app.settings.model_copy(update={"cloud": app.settings.cloud.model_copy(update={"clouds_yaml": wrong})}))

    with pytest.raises(CloudError):
        catalogue.refresh(broken)

    broken.close()
    with app.reading() as session:
        assert {(item.kind, item.name): item.seen_at for item in session.exec(select(CatalogueItem)).all()} == before
        assert "Keystone" in str(session.get_one(Source, "catalogue").last_error)
