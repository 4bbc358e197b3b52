"""The schema: what the revisions make is what the models say, and making it again changes nothing."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from dcctl import migrations
from tests import postgres


def test_the_migrated_database_is_what_the_models_say(database):
    engine = create_engine(postgres.alchemy(database))
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), SQLModel.metadata)
    engine.dispose()

    assert [difference for difference in found if "procrastinate_" not in str(difference)] == []


def test_upgrading_again_changes_nothing(database):
    migrations.upgrade(postgres.alchemy(database))
    engine = create_engine(postgres.alchemy(database))
    with engine.connect() as connection:
        assert migrations.current(connection) == migrations.head()
    engine.dispose()
