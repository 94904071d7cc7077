"""Settings of an installation, from environment variables `WHETSTONE_*`; read in this one place."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent
# Installed from a wheel there is no project: nothing is to lie among the packages.
_HERE = PROJECT_ROOT if (PROJECT_ROOT / "pyproject.toml").exists() else Path()


class Retention(BaseModel, extra="forbid", frozen=True):
    """How much of a layer is kept: whichever bound is met first."""

    days: int | None = Field(None, ge=1, description="Rows of older days are dropped")
    gigabytes: float | None = Field(None, gt=0, description="Oldest days are dropped beyond it")


class Oidc(BaseModel, extra="forbid", frozen=True):
    """The OpenID provider by which people log in."""

    issuer: str = Field(description="As in its ID tokens; its discovery document lies below")
    client_id: str = Field(min_length=1, description="What it calls this platform")
    client_secret: SecretStr | None = Field(None, description="None: a public client, by PKCE")
    roles: dict[str, dict[str, Literal["viewer", "analyst", "engineer", "admin"]]] = Field(
        description='Group -> environment, or * -> role: {"soc": {"berlin": "analyst"}}'
    )
    groups_claim: str = Field("groups", description="Claim of the ID token that lists the groups")
    name_claim: str = Field("preferred_username", description="Claim that verdicts bear")
    scope: str = Field("openid profile", description="What the provider is asked for")


class Settings(BaseSettings):
    """Where things are and how much they may use.

    Each attribute is read from `WHETSTONE_<NAME>`; `whetstone status` prints what is in force.
    """

    model_config = SettingsConfigDict(env_prefix="WHETSTONE_")

    home: Path = Field(_HERE / ".whetstone", description="All state of the platform")
    catalog: Path = Field(_HERE / "catalog", description="The definitions")
    case_store_url: str = Field(
        "", description="SQLAlchemy URL of alerts and verdicts; empty: SQLite under home"
    )
    online_store: str = Field(
        "", description="redis://HOST:PORT/DATABASE of Feast's online store; empty: SQLite in home"
    )
    reports_url: str = Field(
        "http://127.0.0.1:3001", description="Where `whetstone up` serves the report files"
    )
    dashboards_url: str = Field("http://127.0.0.1:8000", description="Where evidently ui answers")
    triage_host: str = Field(
        "127.0.0.1", description="Where the platform's API answers; elsewhere only with tokens"
    )
    triage_tokens: Path | None = Field(
        None, description="File of the API's tokens: a line `ENVIRONMENT TOKEN` each"
    )
    triage_url: str = Field(
        "", description="Where people reach the triage page, such as https://whetstone.example"
    )
    triage_requests_a_minute: int = Field(
        6000, ge=1, description="What a token or person may ask of the API from one address"
    )
    oidc: Oidc | None = Field(None, description="JSON object: the OpenID provider of logins")
    webhook_networks: list[str] = Field(
        default_factory=list[str],
        description='Networks that webhooks may reach besides the internet: ["10.1.0.0/16"]',
    )
    retrainings_a_day: int = Field(
        20, ge=0, description="Models that may be trained anew in a UTC day; 0: any number"
    )
    calendar: Path | None = Field(
        None, description="iCalendar file of change freezes: meanwhile nothing is retrained"
    )
    notify: dict[str, list[SecretStr]] = Field(
        default_factory=dict[str, list[SecretStr]],
        description="Where owners are told: JSON object of owner (or *) to URLs as of apprise",
    )
    retention: dict[str, Retention] = Field(
        default_factory=dict[str, Retention],
        description='What the lake keeps, by layer, such as {"parsed": {"days": 90}}',
    )
    memory_limit: str = Field("4GB", description="DuckDB's memory limit per connection")
    threads: int = Field(0, description="DuckDB's threads per connection; 0: one per core")
    max_line_bytes: int = Field(1 << 20, description="Longer raw lines are rejected")
    engine: Literal["duckdb", "spark"] = Field(
        "duckdb", description="What parses and computes features"
    )
    spark_master: str = Field(
        "local[*]",
        description="local[*]: this machine's cores; spark://host:7077: a standalone cluster;"
        " sc://host:15002: Spark Connect",
    )
    spark_python: str = Field("", description="Python of the Spark workers; empty: this one's path")
    spark_options: dict[str, str] = Field(
        default_factory=dict[str, str], description="More Spark properties, as a JSON object"
    )

    @property
    def landing(self) -> Path:
        """`landing/<environment>/<source>/<day>/*`: raw files as they arrived."""
        return self.home / "landing"

    @property
    def contributions(self) -> Path:
        """`contributions/<dataset>/<id>/`: accepted golden contributions, immutable."""
        return self.home / "contributions"

    @property
    def lake(self) -> Path:
        """`lake/<layer>/<name>/…`: Parquet, see `whetstone.lake`."""
        return self.home / "lake"

    @property
    def training(self) -> Path:
        """Where trainings that were interrupted left off."""
        return self.home / "training"

    @property
    def privacy_keys(self) -> Path:
        """`keys/privacy/<environment>/<period>.key`: keys of pseudonyms."""
        return self.home / "keys" / "privacy"

    @property
    def webhook_keys(self) -> Path:
        """Keys under which the secrets of webhooks lie in the case store."""
        return self.home / "keys" / "webhooks.key"

    @property
    def privacy_audit(self) -> Path:
        """Who looked behind pseudonyms, or erased: JSON lines, chained by hashes."""
        return self.home / "audit" / "privacy.jsonl"

    @property
    def triage_audit(self) -> Path:
        """Logins, bulk verdicts, rules, exports, people and tokens: JSON lines like those."""
        return self.home / "audit" / "triage.jsonl"

    @property
    def releases(self) -> Path:
        """The TUF repository (plain files) and, beside it, its signing keys."""
        return self.home / "releases"

    @property
    def reports(self) -> Path:
        """Evidently's HTML reports."""
        return self.home / "reports"

    @property
    def workspace(self) -> Path:
        """Evidently's workspace of snapshots."""
        return self.home / "evidently"

    @property
    def case_store(self) -> str:
        """The case store's SQLAlchemy URL, with the default filled in."""
        return self.case_store_url or f"sqlite:///{self.home / 'cases.db'}"


@lru_cache
def settings() -> Settings:
    """The settings in force in this process, with absolute paths."""
    read = Settings()  # pyright: ignore[reportCallIssue]
    return read.model_copy(update={"home": read.home.resolve(), "catalog": read.catalog.resolve()})
