"""The servers' settings: one TOML file named by DCCTL_CONFIG, overridden by DCCTL_… variables. Secrets are never here, only paths to their files."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from quotas.resources import validate_amounts

#: Of mail, in ASCII and without quotes.
ADDRESS = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@[A-Za-z0-9][A-Za-z0-9-]{0,62}(\.[A-Za-z0-9-]{1,63})+$"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Database(_Section):
    """SQLAlchemy URLs, one for each database role; a password comes from libpq's passfile parameter, never from here."""

    owner: str = ""
    application: str = ""
    collector: str = ""
    exporter: str = ""
    sealer: str = ""
    """May chain the ledger's entries and do nothing else; empty: this worker does not."""
    auditor: str = ""
    """For `dcctl-manage checkpoint`, on the host that has the key."""

    @field_validator("*")
    @classmethod
    def _without_password(cls, url: str) -> str:
        """An address stands in configuration files, environments and logs; `?passfile=` names the file that has the secret."""
        authority, _, query = url.partition("://")[2].partition("?")
        people = authority.partition("/")[0].rpartition("@")[0]
        if ":" in people or any(part.partition("=")[0].lower() == "password" for part in query.split("&")):
            raise ValueError("a password stands in the address; name its file (0600) instead: ?passfile=/etc/dcctl/pgpass")
        return url


class Roles(_Section):
    """Names of the database roles that the migration grants to."""

    application: str = "dcctl_app"
    collector: str = "dcctl_collector"
    exporter: str = "dcctl_exporter"
    auditor: str = "dcctl_auditor"
    sealer: str = "dcctl_sealer"


class Cloud(_Section):
    """How the servers reach OpenStack: a clouds.yaml (0600) and the names of its entries."""

    clouds_yaml: Path = Path("/etc/dcctl/clouds.yaml")
    admin: str = "dcctl-admin"
    build: str = "dcctl-build"
    region: str = "RegionOne"
    calls_at_once: int = Field(default=8, ge=0)
    """Most calls that one worker has under way towards one service; 0: any number."""
    operations_at_once: int = Field(default=16, ge=0)
    """Most operations that all workers together run at a time; 0: any number. Times `engine.parallel` it bounds what engines ask of one service."""
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
    requests_a_minute: int = Field(default=600, ge=0)
    """Calls of one person, in each process; 0: any number."""
    open_requests: int = Field(default=200, ge=1)
    """Requests of one administration that have not ended, at most."""


class Engine(_Section):
    """The Pulumi engine: `home` has bin/pulumi and plugins/."""

    home: Path = Path("/var/lib/dcctl/pulumi")
    backend: str = "postgres://dcctl_app@/dcctl"
    passphrase_file: Path = Path("/etc/dcctl/pulumi-passphrase")
    seconds: int = 900
    """Longest time that one run of the engine may take."""
    parallel: int = Field(default=16, ge=1, le=64)
    """Most calls that one run has under way; with `cloud.operations_at_once` it bounds what reaches a service."""
    kept_states: int = Field(default=5, ge=1, le=1000)
    """How many of each stack's last states are kept beside the engine's own."""


#: By resource, in its own unit, the most that one operator moves alone: about a large ministry's first envelope.
ENVELOPE_ALONE = {"instances": 200, "cores": 500, "ram": 1_048_576, "volumes": 400, "gigabytes": 20_000, "networks": 50, "routers": 50,
                  "floatingips": 50}  # fmt: skip
#: The same for the datacenter's capacity: about two racks.
CAPACITY_ALONE = {"instances": 5_000, "cores": 5_000, "ram": 20_971_520, "volumes": 5_000, "gigabytes": 500_000, "networks": 1_000, "routers": 1_000,
                  "floatingips": 1_000}  # fmt: skip


class Acts(_Section):
    """What one operator may do alone. Beyond it an act waits for a second operator; 0 makes every act on that resource wait.

    A table names the resources that differ from the defaults; a volume type that it does not name is measured by `gigabytes`.
    """

    envelopes: dict[str, int] = ENVELOPE_ALONE
    """Units granted, revoked or corrected in one act; of a file, the sum of its lines."""
    capacity: dict[str, int] = CAPACITY_ALONE
    """Units declared or retracted in one act."""

    @field_validator("envelopes", mode="after")
    @classmethod
    def _envelopes(cls, given: dict[str, int]) -> dict[str, int]:
        return _whole(ENVELOPE_ALONE, given)

    @field_validator("capacity", mode="after")
    @classmethod
    def _capacity(cls, given: dict[str, int]) -> dict[str, int]:
        return _whole(CAPACITY_ALONE, given)


def _whole(defaults: dict[str, int], given: dict[str, int]) -> dict[str, int]:
    """The defaults with what the site says instead; a resource that is not counted, or an amount that is none, is refused by name."""
    checked = validate_amounts(given)
    if checked.faults:
        raise ValueError(", ".join(f"{fault.resource} = {fault.value} ({fault.fault})" for fault in checked.faults))
    return {**defaults, **given}


class Worker(_Section):
    concurrency: int = 4
    catalogue_seconds: int = 60
    sweep_seconds: int = 120
    lease_seconds: float = Field(default=30.0, ge=1.0)
    """For how long a worker has an environment without a sign of life; renewed at a third of it."""
    seal_seconds: float = 0.5
    """Between two looks for entries that are not chained yet."""
    state_dir: Path = Path("/var/lib/dcctl/worker")
    """What the worker itself remembers, beside the database and in none of its backups."""
    checkpoint: Path | None = None
    """A signed checkpoint of the ledger that came from elsewhere; a worker that starts compares the ledger with it."""


class Letters(_Section):
    """Letters to the administrations' contacts, by SMTP. Without a host none is sent; they wait."""

    host: str = ""
    port: int = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """`none` only towards a server on this machine."""
    ca_file: Path | None = None
    """Certificates that the server's is checked against; the system's otherwise."""
    user: str = ""
    password_file: Path | None = None
    sender: str = "dcctl@localhost"
    operators: list[Annotated[str, StringConstraints(max_length=254, pattern=ADDRESS)]] = Field(default=[], max_length=20)
    """Where letters go that remind the datacenter's operators, or tell them of an emergency."""
    timeout_seconds: float = Field(default=30.0, gt=0)
    """Longest silence of the server."""
    every_seconds: float = Field(default=10.0, gt=0)
    """Between two looks for letters."""
    digest_hour: int = Field(default=7, ge=0, le=23)
    """When daily letters are sent, in Cotonou."""
    keep_trying_hours: int = Field(default=120, ge=1)

    @model_validator(mode="after")
    def _private(self) -> "Letters":
        """A letter that leaves the machine is encrypted."""
        if self.tls == "none" and self.host not in ("", "localhost", "127.0.0.1", "::1"):
            raise ValueError(f"tls = none towards {self.host}")
        return self


class Exporter(_Section):
    host: str = "127.0.0.1"
    port: int = 9780
    refresh_seconds: float = 15.0


class Collector(_Section):
    cloud: str = "dcctl-collector"
    interval_seconds: float = 60.0
    full_seconds: float = Field(default=600.0, ge=0.0, le=1100.0)
    """Between two passes that list everything; in between Nova is asked for changes, and of the rest what takes few calls is listed."""
    shrink_share: float = Field(default=0.5, gt=0.0, lt=1.0)
    """A list that falls by more than this share in one pass is believed when the service's own count agrees."""
    keep_usage_months: int = Field(default=36, ge=13)
    """Whole months of hourly use that are kept; the database keeps twelve whatever is said here."""


class Settings(BaseSettings):
    """All of it; a missing section has its defaults."""

    model_config = SettingsConfigDict(env_prefix="DCCTL_", env_nested_delimiter="__", extra="ignore")

    database: Database = Database()
    roles: Roles = Roles()
    cloud: Cloud = Cloud()
    api: Api = Api()
    engine: Engine = Engine()
    worker: Worker = Worker()
    acts: Acts = Acts()
    letters: Letters = Letters()
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
        file = TomlConfigSettingsSource(settings_cls, toml_file=settings_file())
        return init_settings, env_settings, file


def settings_file() -> Path:
    """The file that DCCTL_CONFIG names, or the usual one."""
    return Path(os.environ.get("DCCTL_CONFIG") or "/etc/dcctl/dcctl.toml")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
