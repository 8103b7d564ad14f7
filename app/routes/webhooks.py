"""Webhooks: what they are signed with, and what was sent to them."""

import asyncio

from fastapi import APIRouter

from app import errors
from app.contract.errors import Unauthenticated, UnknownJob
from app.contract.schemas.training import DeliveryList, DeliveryView, WebhookSecret
from app.contract.webhooks import DeliveryState
from app.dependencies import JobId, Trainer, TrainingsPart
from app.jobs.trainings import ROUTE

router = APIRouter(tags=["training"])


@router.get(
    "/v1/webhooks/secret",
    operation_id="getWebhookSecret",
    summary="The secret that webhooks are signed with",
    responses=errors.declared(Unauthenticated),
)
async def get_secret(trainings: TrainingsPart, caller: Trainer) -> WebhookSecret:
    """Each key has its own. Libraries of Standard Webhooks verify a message with it."""
    return WebhookSecret(secret=await asyncio.to_thread(trainings.webhook_secret, caller))


@router.get(
    f"{ROUTE}/{{job_id}}/deliveries",
    operation_id="listTrainingJobDeliveries",
    summary="What was sent to a training's webhook",
    responses=errors.declared(Unauthenticated, UnknownJob),
)
async def list_deliveries(job_id: JobId, trainings: TrainingsPart, caller: Trainer) -> DeliveryList:
    """Every message, and how the attempts to deliver it went."""
    job = await asyncio.to_thread(trainings.get, job_id, caller)
    data = [
        DeliveryView(
            id=each.id,
            type=each.type,
            event=each.event,
            status=each.state.value,
            attempts=each.attempts,
            response_status=each.status,
            error=each.error,
            next_attempt_at=each.next_at if each.state is DeliveryState.PENDING else None,
            created_at=each.created_at,
            delivered_at=each.delivered_at,
        )
        for each in await asyncio.to_thread(trainings.deliveries, job)
    ]
    return DeliveryList(data=data)
