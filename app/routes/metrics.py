"""Figures for Prometheus."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app import errors, service_figures
from app.contract.errors import Forbidden, Unauthenticated
from app.dependencies import DatabasePart, MetricsPart, Predictor, RedisPart, WorkersPart

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format."},
        **errors.declared(Unauthenticated, Forbidden),
    },
)
async def get_metrics(
    metrics: MetricsPart, client: RedisPart, database: DatabasePart, workers: WorkersPart, _caller: Predictor
) -> Response:
    """Requests of the process that answers; queues, jobs and workers of the whole service."""
    shared = await service_figures.text(client, database, workers)
    return Response(generate_latest(metrics.registry) + shared, media_type=CONTENT_TYPE_LATEST)
