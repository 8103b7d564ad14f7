"""Settings: one typed class, read once from `LIKENESS_*` variables, with defaults that work on a laptop."""

from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import platformdirs
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_home() -> Path:
    """The user's data directory for Likeness, as the platform defines it."""
    return Path(platformdirs.user_data_dir("likeness", appauthor=False))


class Settings(BaseSettings):
    """Every knob of every process. A process reads it once, at its start, and passes on what is needed."""

    model_config = SettingsConfigDict(env_prefix="LIKENESS_", frozen=True, extra="ignore")

    home: Path = Field(default_factory=default_home, description="Directory of the embedded Redis, database and store.")
    host: str = Field("127.0.0.1", description="Address the api listens on. Anything but loopback needs an admin key.")
    port: int = Field(8000, ge=0, le=65535, description="Port the api listens on.")
    public_url: str = Field("", description="Address clients use, for absolute links. Empty: taken from each request.")
    admin_key: SecretStr | None = Field(
        None, description="A key with every scope. Needed on any but a loopback address."
    )

    redis_url: str = Field("", description="Broker, replies and events. Empty: the embedded Redis in `home`.")
    cache_url: str = Field("", description="A second Redis (allkeys-lru) that api processes share faces through.")
    database_url: str = Field("", description="SQLAlchemy URL. Empty: SQLite (WAL) in `home`.")
    store_url: str = Field("", description="Object store URL (file, s3, gs, az). Empty: a directory in `home`.")
    store_options: dict[str, str] = Field(
        default_factory=dict, description="Options of the object store (JSON), such as endpoint and credentials."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe line written.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people or for machines.")
    otlp_endpoint: str = Field(
        "",
        description="Base address of an OTLP/HTTP collector of traces. Empty: OTEL_EXPORTER_OTLP_ENDPOINT, or none.",
    )

    default_classifier: str = Field("clothing", description="Classifier used when a request names none.")
    default_generator: str = Field(
        "faces,faces-128",
        description="Generator used when a request names none. Of several, separated by commas, the first that draws "
        "as many pixels as are asked for, or else the last.",
    )

    interactive_deadline_seconds: float = Field(
        15.0, gt=0, description="An interactive request is answered, or refused with 503, within this time."
    )
    publish_budget_seconds: float = Field(2.0, gt=0, description="Longest wait for the broker to take a message.")
    max_batch_images: int = Field(64, ge=1, le=512, description="Most images in one message to a worker.")
    in_flight_batches: int = Field(
        2,
        ge=1,
        description="Batches of one model a process keeps at the workers at once: this, or one more than workers.",
    )
    max_queued_images: int = Field(2048, ge=1, description="Images of one model a process lets wait before it sheds.")
    max_queue_seconds: float = Field(
        0.5, gt=0, description="No more images of one model wait than are answered in this time; more are refused."
    )
    max_requests: int = Field(3072, ge=1, description="Requests a process answers at once; more are refused with 503.")
    max_images_per_request: int = Field(64, ge=1, description="Most images in one request.")
    max_upload_bytes: int = Field(20_000_000, ge=1, description="Largest body with pictures to look at, in bytes.")
    max_picture_pixels: int = Field(50_000_000, ge=1, description="Most pixels (width times height) of one picture.")
    face_cache_bytes: int = Field(
        64_000_000, ge=0, description="Memory of one api process for encoded faces, in bytes."
    )
    signed_daily_faces: int = Field(
        0, ge=0, description="Pictures a day that one key's signed addresses may have drawn. 0: any number."
    )
    key_requests_per_minute: int = Field(6000, ge=0, description="Requests a minute of one key. 0: any number.")
    key_images_per_minute: int = Field(
        12_000, ge=0, description="Images a minute that workers draw or classify for one key. 0: any number."
    )
    key_training_minutes_per_day: int = Field(
        1440, ge=0, description="Minutes that trainings of one key may have run in 24 hours. 0: any number."
    )
    key_waiting_jobs: int = Field(100, ge=1, description="Durable jobs of one key that may wait at a time.")
    address_requests_per_minute: int = Field(
        1200, ge=0, description="Requests a minute from one address without a key. 0: any number."
    )
    address_images_per_minute: int = Field(
        1200, ge=0, description="Images a minute that workers draw for one address without a key. 0: any number."
    )
    slow_body_seconds: float = Field(
        10.0, gt=0, description="A request's head, and each 100 kB of its body, arrive within this time."
    )
    credentials_certificate: Path | None = Field(
        None, description="PEM chain (leaf first) for Content Credentials. Empty: one is made and kept in `home`."
    )
    credentials_key: Path | None = Field(None, description="PEM private key of that chain's leaf.")

    codec_threads: int = Field(0, ge=0, description="Threads that decode and encode. 0: as many as cores.")

    worker_threads: int = Field(0, ge=0, description="Compute threads of one infer worker. 0: as many as cores.")
    worker_memory_bytes: int = Field(
        2_000_000_000, ge=1, description="Memory one infer worker spends on loaded models."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
    cpu_engine: Literal["onnx", "torch"] = Field("onnx", description="What runs networks on a CPU.")

    train_threads: int = Field(
        0, ge=0, description="Compute threads of one training. 0: all cores but one, which serves."
    )
    train_niceness: int = Field(10, ge=0, le=19, description="How much a training gives way to other processes.")
    max_dataset_bytes: int = Field(4_000_000_000, ge=1, description="Largest upload of a data set, in bytes.")
    max_checkpoint_bytes: int = Field(500_000_000, ge=1, description="Largest checkpoint to import, in bytes.")
    max_dataset_pictures: int = Field(250_000, ge=1, description="Most files in one data set.")
    webhook_private_addresses: bool = Field(
        False, description="Whether webhooks may go to addresses that only this network reaches."
    )

    lease_seconds: float = Field(
        30.0, gt=0, description="A durable job whose worker is silent this long is taken away."
    )
    sweep_seconds: float = Field(5.0, gt=0, description="How often lost messages and lost leases are looked for.")
    job_days: int = Field(
        30, ge=0, description="Days after its end that a job is kept, with what only it speaks of. 0: for ever."
    )
    max_attempts: int = Field(3, ge=1, description="A durable job whose worker was lost this often fails.")

    @model_validator(mode="after")
    def _check_urls(self) -> Self:
        if self.redis_url and "://" not in self.redis_url:
            raise ValueError("redis_url must be a URL such as redis://host:6379/0")
        if self.otlp_endpoint and not self.otlp_endpoint.startswith(("http://", "https://")):
            raise ValueError("otlp_endpoint must be a URL such as http://collector:4318")
        if (self.credentials_certificate is None) != (self.credentials_key is None):
            raise ValueError("credentials_certificate and credentials_key are given together or not at all")
        return self

    @cached_property
    def redis(self) -> str:
        """URL for redis-py: the configured one, or the embedded server's private socket."""
        return self.redis_url or f"unix://{self.home / 'redis' / 'redis.sock'}"

    @cached_property
    def broker(self) -> str:
        """URL for Celery, which spells a socket differently."""
        return self.redis.replace("unix://", "redis+socket://", 1) if self.redis.startswith("unix://") else self.redis

    @cached_property
    def database(self) -> str:
        """SQLAlchemy URL: the configured one, or a SQLite file."""
        return self.database_url or f"sqlite:///{self.home / 'likeness.db'}"

    @cached_property
    def store(self) -> str:
        """Object store URL: the configured one, or a directory."""
        return self.store_url or (self.home / "store").absolute().as_uri()

    @cached_property
    def default_generators(self) -> tuple[str, ...]:
        """The names in `default_generator`, that of the smallest pictures first."""
        return tuple(name.strip() for name in self.default_generator.split(","))

    @cached_property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the api."""
        return self.host in {"127.0.0.1", "::1", "localhost"}
