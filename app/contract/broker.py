"""How both sides talk to the broker: one Celery configuration, as a plain dictionary."""

from typing import Any

from app.contract.messages import INFER_QUEUE, PREFIX, TASKS
from app.contract.settings import Settings


def celery_config(settings: Settings) -> dict[str, Any]:
    """Celery's settings, the same for the api (which only sends) and for the workers."""
    return {
        "broker_url": settings.broker,
        # No result backend: replies are lists of ours, durable results are rows. With one, publishing blocks for
        # many seconds while Redis is down.
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_routes": {task: {"queue": INFER_QUEUE} for task in TASKS.values()},
        "task_create_missing_queues": True,
        # A batch that nobody waits for any more is worth nothing, its sender sends it again when its worker may have
        # died, and a durable job is a lease in the database: no message needs to come back by itself.
        "task_acks_late": False,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_max": 0},
        "worker_prefetch_multiplier": 1,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": settings.publish_budget_seconds,
        "broker_transport_options": {
            "global_keyprefix": PREFIX,
            "visibility_timeout": 600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "health_check_interval": 10,
            "socket_timeout": 30,
            "socket_connect_timeout": settings.publish_budget_seconds,
            "socket_keepalive": not settings.broker.startswith("redis+socket:"),
        },
    }
