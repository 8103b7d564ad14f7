"""What webhooks are signed with."""

import asyncio

from fastapi import APIRouter

from app import errors
from app.contract.errors import Unauthenticated
from app.contract.schemas.training import WebhookSecret
from app.dependencies import Trainer, TrainingsPart

router = APIRouter(prefix="/v1/webhooks", tags=["training"])


@router.get(
    "/secret",
    operation_id="getWebhookSecret",
    summary="The secret that webhooks are signed with",
    responses=errors.declared(Unauthenticated),
)
async def get_secret(trainings: TrainingsPart, caller: Trainer) -> WebhookSecret:
    """Each key has its own. Libraries of Standard Webhooks verify a message with it."""
    return WebhookSecret(secret=await asyncio.to_thread(trainings.webhook_secret, caller))
