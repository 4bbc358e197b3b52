"""The servers' settings: one TOML file named by DCCTL_CONFIG, overridden by DCCTL_… variables. Secrets are never here, only paths to their files."""

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Database(_Section):
    """SQLAlchemy URLs, one for each database role; a password comes from libpq's passfile parameter, never from here."""

    owner: str = ""
    application: str = ""
    collector: str = ""
    exporter: str = ""


class Roles(_Section):
    """Names of the database roles that the migration grants to."""

    application: str = "dcctl_app"
    collector: str = "dcctl_collector"
    exporter: str = "dcctl_exporter"
    auditor: str = "dcctl_auditor"


class Cloud(_Section):
    """How the servers reach OpenStack: a clouds.yaml (0600) and the names of its entries."""

    clouds_yaml: Path = Path("/etc/dcctl/clouds.yaml")
    admin: str = "dcctl-admin"
    build: str = "dcctl-build"
    region: str = "RegionOne"
    people_domain: str = "asin"
    """The domain that no ministry manages; dcctl's people are looked up there first."""


class Api(_Section):
    host: str = "127.0.0.1"
    port: int = 8780
    threads: int = 8
    url: str = "http://127.0.0.1:8780"
    """As registered in Keystone's catalogue."""
    authtoken_conf: Path = Path("/etc/dcctl/authtoken.conf")
    """oslo.config file with [keystone_authtoken]."""
    policy_file: Path | None = None
    """oslo.policy overrides; the defaults in code deny what they do not name."""
    max_body_bytes: int = 1 << 20


class Engine(_Section):
    """The Pulumi engine: `home` has bin/pulumi and plugins/."""

    home: Path = Path("/var/lib/dcctl/pulumi")
    backend: str = "postgres://dcctl_app@/dcctl"
    passphrase_file: Path = Path("/etc/dcctl/pulumi-passphrase")
    seconds: int = 900
    """Longest time that one run of the engine may take."""


class Worker(_Section):
    concurrency: int = 4
    catalogue_seconds: int = 60
    hold_days: int = 30
    sweep_seconds: int = 120


class Exporter(_Section):
    host: str = "127.0.0.1"
    port: int = 9780
    refresh_seconds: float = 15.0


class Collector(_Section):
    cloud: str = "dcctl-admin"
    interval_seconds: float = 60.0


class Settings(BaseSettings):
    """All of it; a missing section has its defaults."""

    model_config = SettingsConfigDict(env_prefix="DCCTL_", env_nested_delimiter="__", extra="ignore")

    database: Database = Database()
    roles: Roles = Roles()
    cloud: Cloud = Cloud()
    api: Api = Api()
    engine: Engine = Engine()
    worker: Worker = Worker()
    exporter: Exporter = Exporter()
    collector: Collector = Collector()
    log_json: bool = True

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        import os

        file = TomlConfigSettingsSource(settings_cls, toml_file=os.environ.get("DCCTL_CONFIG", "/etc/dcctl/dcctl.toml"))
        return init_settings, env_settings, file


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
