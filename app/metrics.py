"""What this api process counts, for Prometheus; see `docs/operations.md` for the names and what they tell."""

from typing import Literal, Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import Scope

Stage = Literal["wait", "queue", "compute", "decode", "encode"]
Work = Literal["classify", "generate"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""What machines ask every few seconds."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Cache(Protocol):
    """What there is to tell of a cache."""

    bytes: int
    hits: int
    misses: int


class Metrics:
    """The figures of one process, in a registry of their own, so that several applications can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "likeness_requests", "Answered requests.", ["route", "method", "status"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "likeness_request_seconds",
            "From the arrival of a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "likeness_stage_seconds",
            "Where time goes: wait (of a request until its work begins), queue (of a batch in Redis), compute (the "
            "network, and loading it), decode and encode (pictures).",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        # Looking a series up by its labels takes longer than counting.
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._stages: dict[Stage, Histogram] = {stage: self._stage_seconds.labels(stage) for stage in get_args(Stage)}
        self._batch_images = Histogram(
            "likeness_batch_images", "Images in one batch.", ["work"], buckets=_IMAGES, registry=self.registry
        )
        self._batch_failures = Counter(
            "likeness_batch_failures", "Batches without a good reply.", ["work", "code"], registry=self.registry
        )
        self._lost_leases = Counter(
            "likeness_lost_leases", "Durable jobs taken away from a silent worker.", registry=self.registry
        )

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        answered = self._answered.get((route, method, status))
        if answered is None:
            answered = self._requests.labels(route, method, str(status)), self._request_seconds.labels(route)
            self._answered[route, method, status] = answered
        count, time = answered
        count.inc()
        time.observe(seconds)

    def stage(self, stage: Stage, seconds: float) -> None:
        """Note the time that something took."""
        self._stages[stage].observe(seconds)

    def batch(self, work: Work, *, images: int, queue_ms: float, compute_ms: float) -> None:
        """Count a batch that was answered."""
        self._batch_images.labels(work).observe(images)
        self.stage("queue", queue_ms / 1000)
        self.stage("compute", compute_ms / 1000)

    def batch_failed(self, work: Work, code: str) -> None:
        """Count a batch that was not."""
        self._batch_failures.labels(work, code).inc()

    def lease_lost(self) -> None:
        """Count a job that lost its worker."""
        self._lost_leases.inc()

    def watch(self, cache: Cache) -> None:
        """Tell of the cache from now on."""
        self.registry.register(_Cache(cache))


class _Cache(Collector):
    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def collect(self) -> list[CounterMetricFamily | GaugeMetricFamily]:
        return [
            CounterMetricFamily("likeness_face_cache_hits", "Faces that were at hand.", value=self._cache.hits),
            CounterMetricFamily("likeness_face_cache_misses", "Faces that were not.", value=self._cache.misses),
            GaugeMetricFamily("likeness_face_cache_bytes", "Memory of faces at hand.", value=self._cache.bytes),
        ]


def route_of(scope: Scope) -> str:
    """The pattern of the route that answered; `none` where none did."""
    route = scope.get("route")
    return getattr(route, "path", "none") if route is not None else "none"


def method_of(scope: Scope) -> str:
    """The request's method; `other` for what HTTP does not know."""
    return scope["method"] if scope["method"] in _METHODS else "other"
