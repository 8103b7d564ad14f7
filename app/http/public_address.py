"""The addresses by which clients reach this service."""

from fastapi import Request

from app.contract.settings import Settings


def base(settings: Settings, request: Request) -> str:
    """Scheme and host that clients use: those that are configured, else those of the request."""
    return settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"
