"""The error tree: every failure a client can meet, with a stable code and one sentence that says what helps.

HTTP numbers are not here: they are one table in `app/errors.py`. A worker sends an error across as its `code` and
`detail`, and `from_code` makes the same error of it on the other side.
"""

from typing import Any, ClassVar


class LikenessError(Exception):
    """Base of every failure a client can meet."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side."
    sentence: ClassVar[str] = "The service met an unexpected failure; the request id finds it in the logs."

    def __init__(self, detail: str = "", **facts: Any) -> None:
        self.facts = facts
        self.detail = detail or self.sentence.format(**facts)
        super().__init__(self.detail)


class InvalidRequest(LikenessError):
    code = "invalid_request"
    title = "The request is not valid."
    sentence = "The request is not valid: {reason}."


class BadOption(LikenessError):
    code = "bad_option"
    title = "An option is not valid."
    sentence = "{name} {reason}."

    def __init__(self, detail: str = "", *, name: str = "", reason: str = "", **facts: Any) -> None:
        super().__init__(detail, name=name, reason=reason, **facts)


class NotAPicture(LikenessError):
    code = "not_a_picture"
    title = "This is not a picture."
    sentence = "Image {position} is not a picture of a known format; send PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF."


class UndecodablePicture(LikenessError):
    code = "undecodable_picture"
    title = "A picture cannot be decoded."
    sentence = "Image {position} is damaged or cut short; send the whole file."


class TooManyPixels(LikenessError):
    code = "too_many_pixels"
    title = "A picture has too many pixels."
    sentence = "Image {position} has more than {limit} pixels; send a smaller one."


class TooManyImages(LikenessError):
    code = "too_many_images"
    title = "Too many images."
    sentence = "One request takes at most {limit} images; send several requests."


class NoImages(LikenessError):
    code = "no_images"
    title = "There is no image."
    sentence = "Send at least one image: a multipart field `image`, a raw image body, or JSON with `images`."


class BodyTooLarge(LikenessError):
    code = "body_too_large"
    title = "The body is too large."
    sentence = "The body may have at most {limit} bytes."


class UnsupportedMediaType(LikenessError):
    code = "unsupported_media_type"
    title = "This content type is not understood."
    sentence = "Send {accepted}."


class NotAcceptable(LikenessError):
    code = "not_acceptable"
    title = "No answer of the wanted type exists."
    sentence = "This address can answer with {offered}."


class UnknownModel(LikenessError):
    code = "unknown_model"
    title = "There is no such model."
    sentence = "There is no model called {model}; GET /v1/models lists them."


class UnknownVersion(LikenessError):
    code = "unknown_version"
    title = "There is no such version."
    sentence = "{model} has no version {version}; GET /v1/models/{model} lists them."


class WrongKind(LikenessError):
    code = "wrong_kind"
    title = "This model does something else."
    sentence = "{model} is a {kind}; this request needs a {wanted}."


class UnknownLabel(LikenessError):
    code = "unknown_label"
    title = "The model does not know this label."
    sentence = "{model} has no label {label}; its labels are {labels}."


class UnknownJob(LikenessError):
    code = "unknown_job"
    title = "There is no such job."
    sentence = "There is no job {job}, it belongs to another key, or it ended so long ago that it is kept no longer."


class JobFinished(LikenessError):
    code = "job_finished"
    title = "The job has already ended."
    sentence = "The job is {status}; nothing more can be done to it."


class NotNow(LikenessError):
    code = "not_now"
    title = "The job does not allow this at the moment."
    sentence = "A job that is {status} cannot become {wanted}."


class UnknownDataset(LikenessError):
    code = "unknown_dataset"
    title = "There is no such data set."
    sentence = "There is no data set {dataset}, or it belongs to another key."


class DatasetNotReady(LikenessError):
    code = "dataset_not_ready"
    title = "The data set cannot be trained on."
    sentence = "The data set {dataset} is {state}; only one that is ready can be trained on."


class DatasetInUse(LikenessError):
    code = "dataset_in_use"
    title = "The data set is in use."
    sentence = "The data set {dataset} is what {jobs} trains on; cancel that first, or wait for its end."


class BadArchive(LikenessError):
    code = "bad_archive"
    title = "The archive cannot be used."
    sentence = "The archive cannot be used: {reason}."


class BadDataset(LikenessError):
    code = "bad_dataset"
    title = "These pictures cannot be trained on."
    sentence = "These pictures cannot be trained on: {reason}."


class UnknownPreset(LikenessError):
    code = "unknown_preset"
    title = "There is no such preset."
    sentence = "There is no preset called {preset}; GET /v1/presets lists them."


class WebhookRefused(LikenessError):
    code = "webhook_refused"
    title = "The webhook's address is refused."
    sentence = "Nothing is sent to {url}: {reason}."


class NothingYet(LikenessError):
    code = "nothing_yet"
    title = "There is nothing to show yet."
    sentence = "There is no {what} yet; it appears while the job runs."


class TrainingFailed(LikenessError):
    code = "training_failed"
    title = "The training could not go on."
    sentence = "The training could not go on: {reason}."


class VersionInUse(LikenessError):
    code = "version_in_use"
    title = "The version is in use."
    sentence = "{version} is what {users} refers to; point that elsewhere first."


class IdempotencyConflict(LikenessError):
    code = "idempotency_conflict"
    title = "The idempotency key was used for something else."
    sentence = "This Idempotency-Key came before with another body; use a new key for a new request."


class UnknownKey(LikenessError):
    code = "unknown_key"
    title = "There is no such key."
    sentence = "There is no key {key}; GET /v1/keys lists them."


class KeyRevoked(LikenessError):
    code = "key_revoked"
    title = "The key is revoked."
    sentence = "The key {key} is revoked for good; create another one."


class Unauthenticated(LikenessError):
    code = "unauthenticated"
    title = "A valid key is needed."
    sentence = "Send `Authorization: Bearer <key>` with a key that is neither expired nor revoked."


class Forbidden(LikenessError):
    code = "forbidden"
    title = "The key does not allow this."
    sentence = "This needs a key with the scope {scope}."


class BadSignature(LikenessError):
    code = "bad_signature"
    title = "The address's signature does not hold."
    sentence = "The address's signature does not hold: {reason}."


class BudgetSpent(LikenessError):
    code = "budget_spent"
    title = "The key's budget is spent."
    sentence = "The key that signed this may have {budget} pictures drawn a day; try again tomorrow."

    def __init__(self, detail: str = "", *, retry_after: int = 86_400, **facts: Any) -> None:
        self.retry_after = retry_after
        super().__init__(detail, **facts)


class WrongHost(LikenessError):
    code = "wrong_host"
    title = "The service answers only to its own name."
    sentence = "Without a key the service answers requests for localhost only."


class NotFound(LikenessError):
    code = "not_found"
    title = "There is nothing here."
    sentence = "There is nothing at this address."


class MethodNotAllowed(LikenessError):
    code = "method_not_allowed"
    title = "The address does not take this method."
    sentence = "This address does not take {method}."


class Busy(LikenessError):
    code = "busy"
    title = "The service is busy."
    sentence = "Too much is waiting already; try again in {retry_after} s."

    def __init__(self, detail: str = "", *, retry_after: int = 1, **facts: Any) -> None:
        self.retry_after = retry_after
        super().__init__(detail, retry_after=retry_after, **facts)


class LimitReached(Busy):
    code = "limit_reached"
    title = "A limit is reached."
    sentence = "The limit of {limit} {what} is reached; try again in {retry_after} s."


class QueueFull(Busy):
    code = "queue_full"
    title = "Too many jobs wait."
    sentence = "{waiting} jobs of this key wait already; try again in {retry_after} s."


class SlowBody(LikenessError):
    code = "slow_body"
    title = "The body came too slowly."
    sentence = "The body did not come within {seconds} s; send it faster, or less of it."


class NoWorker(Busy):
    code = "no_worker"
    title = "No worker is ready."
    sentence = "No worker is ready to run a model at the moment; try again in {retry_after} s."


class BrokerUnavailable(Busy):
    code = "broker_unavailable"
    title = "The queue cannot be reached."
    sentence = "The queue cannot be reached at the moment; try again in {retry_after} s."


class StorageUnavailable(Busy):
    code = "storage_unavailable"
    title = "The database or the store cannot be reached."
    sentence = "The database or the object store cannot be reached at the moment; try again in {retry_after} s."


class DeadlineExceeded(Busy):
    code = "deadline_exceeded"
    title = "The answer did not come in time."
    sentence = "No answer came within the deadline; try again in {retry_after} s."


class WorkerLost(Busy):
    code = "worker_lost"
    title = "The worker was lost."
    sentence = "The worker that ran this was lost; try again in {retry_after} s."


class OutOfMemory(Busy):
    code = "out_of_memory"
    title = "The worker ran out of memory."
    sentence = "The worker had too little memory for this, even in smaller batches; try fewer images."


class BadCheckpoint(LikenessError):
    code = "bad_checkpoint"
    title = "The checkpoint cannot be used."
    sentence = "The checkpoint cannot be used: {reason}."


class NotInstalled(LikenessError):
    code = "not_installed"
    title = "This part is not installed."
    sentence = "{feature} needs the extra `{extra}`: install likeness[{extra}] where the api runs."


class InternalError(LikenessError):
    code = "internal"


def _tree(root: type[LikenessError]) -> dict[str, type[LikenessError]]:
    found = {} if root is LikenessError else {root.code: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


BY_CODE: dict[str, type[LikenessError]] = _tree(LikenessError)


def from_code(code: str, detail: str) -> LikenessError:
    """The error that a worker reported as `code` and `detail`."""
    return BY_CODE.get(code, InternalError)(detail)
