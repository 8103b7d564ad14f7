"""Training jobs: what is asked, and what is told."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.schemas.base import Asked, Told
from app.contract.states import JobState
from app.contract.training import Promote, Stage

WebhookEvent = Literal[
    "training_job.running",
    "training_job.paused",
    "training_job.cancelled",
    "training_job.succeeded",
    "training_job.failed",
    "training_job.sample",
    "training_job.snapshot",
    "training_job.finding",
    "training_job.published",
]


class ImagesBudget(Asked):
    """Train until so many pictures were seen."""

    images: int = Field(ge=1, le=10**12)


class MinutesBudget(Asked):
    """Train for about so long; the schedule is fitted to the speed that is measured first."""

    minutes: float = Field(gt=0, le=100_000)


class WebhookRequest(Asked):
    """Where the job's events are sent, signed as Standard Webhooks says."""

    url: str = Field(max_length=2000, pattern=r"^https?://", examples=["https://example.com/hooks"])
    events: list[WebhookEvent] = Field(
        default=["training_job.succeeded", "training_job.failed", "training_job.cancelled"], min_length=1, max_length=20
    )


class TrainingJobRequest(Asked):
    """A training."""

    preset: str = Field(max_length=64, examples=["pictures-tiny"])
    dataset: str = Field(max_length=60, examples=["ds_0123456789abcdef01234567"])
    model: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
            description="Name under which the result is published.",
            examples=["my-model"],
        ),
    ]
    settings: dict[str, Any] = Field(
        default={},
        description="Changes of the preset, nested or with dotted names; its JSON Schema says what there is.",
        examples=[{"learning_rate": 0.02, "network.size": 32}],
    )
    budget: ImagesBudget | MinutesBudget | None = Field(
        None, description="How long to train; the preset's own if null."
    )
    resume_from: str | None = Field(
        None, max_length=160, description="A version to start from, such as `my-model@sha256:...`, instead of chance."
    )
    promote: Promote = Field(
        "never", description="Whether the result goes into production; `if_better` compares on held-out pictures."
    )
    webhook: WebhookRequest | None = None
    dry_run: bool = Field(False, description="Tell the settings and the cost, and train nothing.")


class TrainingProgress(Told):
    """How far a training is."""

    images: int = Field(0, description="Training pictures seen.")
    of: int | None = Field(None, description="Training pictures that the whole run sees, once known.")
    images_per_second: float | None = None
    eta_seconds: float | None = None


class TrainingResult(Told):
    """What came of a training."""

    model: str = Field(examples=["my-model@sha256:" + "0" * 64])
    promoted: bool = Field(description="Whether it went into production.")
    why: str = Field(description="Why, or why not.")
    metrics: dict[str, float] = Field(description="Figures on the held-out pictures.")


class Transition(Told):
    """A change of status."""

    status: JobState
    at: datetime
    why: str


class TrainingUrls(Told):
    """Addresses of a training job."""

    self: str
    events: str
    metrics: str
    samples: str
    checkpoints: str
    cancel: str
    pause: str
    resume: str


class TrainingJobView(Told):
    """A training job."""

    id: str = Field(examples=["job_0123456789abcdef01234567"])
    object: Literal["training_job"] = "training_job"
    status: JobState
    stage: Stage | None = Field(description="What it is busy with; null before it has started.")
    queue_position: int | None = Field(description="How many jobs come before it, or null once it has started.")
    preset: str
    dataset: str
    model: str
    settings: dict[str, Any] = Field(description="Changes of the preset.")
    resume_from: str | None = Field(description="The version that it started from, or null for chance.")
    promote: Promote
    progress: TrainingProgress
    metrics: dict[str, float | None] = Field(description="The newest of every figure.")
    attempt: int = Field(description="How often workers have tried in a row since the last snapshot.")
    result: TrainingResult | None
    error: dict[str, Any] | None = Field(description="The problem, once it has failed.")
    transitions: list[Transition]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    urls: TrainingUrls


class TrainingJobList(Told):
    """Training jobs, newest first."""

    object: Literal["list"] = "list"
    data: list[TrainingJobView]
    has_more: bool
    last_id: str | None = Field(description="Give it as `after` for the next page.")


class TrainingPlan(Told):
    """What a training would be; nothing was queued."""

    object: Literal["training_plan"] = "training_plan"
    preset: str
    kind: Literal["classifier", "generator"]
    dataset: str
    model: str
    settings: dict[str, Any] = Field(description="All settings, with the changes.")
    images: int | None = Field(
        description="Training pictures in all; null when the minutes decide and no speed is known."
    )
    images_per_second: float | None = Field(description="Null when no speed is known.")
    seconds: float | None = Field(description="Of training. Judging and publishing add some.")
    device: str | None
    measured: Literal["now", "earlier"] | None = Field(description="When the speed was measured.")


class MetricsPoint(Told):
    """Figures measured at one moment."""

    images: int = Field(description="Training pictures seen until then.")
    at: datetime
    values: dict[str, float | None]


class MetricsList(Told):
    """All figures of a training, in order."""

    object: Literal["list"] = "list"
    data: list[MetricsPoint]


class SampleView(Told):
    """Pictures of the same seeds at one moment."""

    object: Literal["sample"] = "sample"
    images: int = Field(description="Training pictures seen until then.")
    url: str
    at: datetime


class SampleList(Told):
    """All samples of a training, in order."""

    object: Literal["list"] = "list"
    data: list[SampleView]


class CheckpointView(Told):
    """A version that a training made on its way; classify and generate take it as `model`."""

    object: Literal["checkpoint"] = "checkpoint"
    model: str = Field(examples=["job_0123456789abcdef01234567@sha256:" + "0" * 64])
    images: int = Field(description="Training pictures seen until then.")
    at: datetime
    final: bool


class CheckpointList(Told):
    """The newest versions of a training, oldest first."""

    object: Literal["list"] = "list"
    data: list[CheckpointView]


class DeliveryView(Told):
    """One message to a webhook."""

    id: str
    object: Literal["delivery"] = "delivery"
    type: str = Field(examples=["training_job.succeeded"])
    event: int = Field(description="Number of the job's event.")
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    response_status: int | None = Field(description="HTTP status of the last answer.")
    error: str | None = Field(description="What went wrong the last time.")
    next_attempt_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None


class DeliveryList(Told):
    """Messages to the webhook of a job, in order."""

    object: Literal["list"] = "list"
    data: list[DeliveryView]


class WebhookSecret(Told):
    """What the caller's webhooks are signed with."""

    object: Literal["webhook_secret"] = "webhook_secret"
    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
