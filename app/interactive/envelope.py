"""A message as Celery puts it into a Redis list.

This is Celery's message protocol 2 inside the frame of kombu's Redis transport, both of which other languages speak as
well. Written here, a message and the pixels that belong to it travel to Redis in one round trip of the event loop;
`Celery.send_task` takes six times the work, in a thread. `tests/app/interactive/test_envelope.py` holds it to
what Celery sends.
"""

import base64
import json
import os
import secrets
import socket
from typing import Any

from app.contract.messages import PREFIX

_OPTIONS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_ORIGIN = socket.gethostname()


def queue_key(queue: str) -> str:
    """The Redis list in which the messages of `queue` wait; the newest is on the left."""
    return f"{PREFIX}{queue}"


def seal(task: str, argument: Any, *, queue: str) -> bytes:
    """The message that asks for `task(argument)`.

    Args:
        task: name of the Celery task.
        argument: its one argument, a JSON value.
        queue: name of the queue that it is going to be put into.
    """
    message_id = secrets.token_hex(16)
    body = json.dumps([[argument], {}, _OPTIONS])
    return json.dumps(
        {
            "body": base64.b64encode(body.encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": message_id,
                "root_id": message_id,
                "parent_id": None,
                "group": None,
                "group_index": None,
                "retries": 0,
                "eta": None,
                "expires": None,
                "timelimit": [None, None],
                "origin": f"gen{os.getpid()}@{_ORIGIN}",
                "ignore_result": None,
                "shadow": None,
                # For people who look into logs; ours tell of batches and jobs by their own ids.
                "argsrepr": "",
                "kwargsrepr": "{}",
                "replaced_task_nesting": 0,
                "stamped_headers": None,
                "stamps": {},
            },
            "properties": {
                "correlation_id": message_id,
                "reply_to": "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": message_id,
            },
        }
    ).encode()
