"""Who may do what: every route with every scope, for owners and strangers, with keys that are over, revoked, missing.

The table is compared with the routes of the api: a route that is not in it fails the first test, so nobody can add one
without saying who may use it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.access import keys
from app.contract import datasets, jobs, registry, training
from app.contract.database import Database, now
from app.contract.errors import Forbidden
from app.contract.settings import Settings
from app.contract.store import Store
from app.contract.tables import KeyRow
from app.main import ROUTERS, create_app
from tests.app import serving

ADMIN_SECRET = "the-secret-of-the-administrator"

PUBLIC, PREDICT, TRAIN, ADMIN = "public", "predict", "train", "admin"
SCOPES = (PREDICT, TRAIN, ADMIN)

TABLE = {
    "GET /": PUBLIC,
    "HEAD /": PUBLIC,
    "GET /docs": PUBLIC,
    "HEAD /docs": PUBLIC,
    "GET /classify": PUBLIC,
    "HEAD /classify": PUBLIC,
    "GET /train": PUBLIC,
    "HEAD /train": PUBLIC,
    "GET /models": PUBLIC,
    "HEAD /models": PUBLIC,
    "GET /jobs": PUBLIC,
    "HEAD /jobs": PUBLIC,
    "GET /keys": PUBLIC,
    "HEAD /keys": PUBLIC,
    "GET /favicon.ico": PUBLIC,
    "HEAD /favicon.ico": PUBLIC,
    "GET /healthz": PUBLIC,
    "HEAD /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "HEAD /readyz": PUBLIC,
    "GET /embed.js": PUBLIC,
    "HEAD /embed.js": PUBLIC,
    "GET /v2": PUBLIC,
    "GET /v2/health/live": PUBLIC,
    "GET /v2/health/ready": PUBLIC,
    "POST /v2/repository/index": PREDICT,
    "GET /v2/models/{name}": PREDICT,
    "GET /v2/models/{name}/ready": PREDICT,
    "POST /v2/models/{name}/infer": PREDICT,
    "GET /v2/models/{name}/versions/{digest}": PREDICT,
    "GET /v2/models/{name}/versions/{digest}/ready": PREDICT,
    "POST /v2/models/{name}/versions/{digest}/infer": PREDICT,
    "POST /v1/classify": PREDICT,
    "POST /v1/generate": PREDICT,
    "POST /v1/images/generations": PREDICT,
    "POST /v1/animate": PREDICT,
    "POST /v1/provenance": PREDICT,
    "POST /v1/signatures": PREDICT,
    "GET /v1/usage": PREDICT,
    "GET /v1/faces/{name}": PREDICT,
    "HEAD /v1/faces/{name}": PREDICT,
    "GET /v1/faces/{first}/to/{name}": PREDICT,
    "HEAD /v1/faces/{first}/to/{name}": PREDICT,
    "GET /v1/sheets.{extension}": PREDICT,
    "HEAD /v1/sheets.{extension}": PREDICT,
    "GET /f/{options}/{name}": PREDICT,
    "HEAD /f/{options}/{name}": PREDICT,
    "GET /avatar/{name}": PREDICT,
    "HEAD /avatar/{name}": PREDICT,
    "GET /{version}.x/{style}/{extension}": PREDICT,
    "HEAD /{version}.x/{style}/{extension}": PREDICT,
    "GET /{version}.x/{style}/{extension}/{options}": PREDICT,
    "HEAD /{version}.x/{style}/{extension}/{options}": PREDICT,
    "GET /embed/{seed}": PREDICT,
    "HEAD /embed/{seed}": PREDICT,
    "GET /oembed": PUBLIC,
    "HEAD /oembed": PUBLIC,
    "GET /v1/models": PREDICT,
    "GET /v1/models/{name}": PREDICT,
    "POST /v1/models": ADMIN,
    "PUT /v1/models/{name}/aliases/{alias}": TRAIN,
    "GET /v1/models/{name}/versions/{version}/export": TRAIN,
    "DELETE /v1/models/{name}/versions/{version}": TRAIN,
    "GET /v1/seeds": PREDICT,
    "GET /v1/status": PREDICT,
    "GET /metrics": PREDICT,
    "GET /v1/jobs": PREDICT,
    "GET /v1/jobs/{job_id}": PREDICT,
    "POST /v1/jobs/{job_id}/cancel": PREDICT,
    "GET /v1/jobs/{job_id}/events": PREDICT,
    "GET /v1/jobs/{job_id}/output/{name}": PREDICT,
    "GET /v1/jobs/{job_id}/walk.{extension}": PREDICT,
    "GET /v1/presets": TRAIN,
    "GET /v1/presets/{name}": TRAIN,
    "GET /v1/webhooks/secret": TRAIN,
    "POST /v1/datasets": TRAIN,
    "GET /v1/datasets": TRAIN,
    "GET /v1/datasets/{dataset_id}": TRAIN,
    "DELETE /v1/datasets/{dataset_id}": TRAIN,
    "GET /v1/datasets/{dataset_id}/sheet.png": TRAIN,
    "POST /v1/training-jobs": TRAIN,
    "GET /v1/training-jobs": TRAIN,
    "GET /v1/training-jobs/{job_id}": TRAIN,
    "POST /v1/training-jobs/{job_id}/cancel": TRAIN,
    "POST /v1/training-jobs/{job_id}/pause": TRAIN,
    "POST /v1/training-jobs/{job_id}/resume": TRAIN,
    "GET /v1/training-jobs/{job_id}/events": TRAIN,
    "GET /v1/training-jobs/{job_id}/metrics": TRAIN,
    "GET /v1/training-jobs/{job_id}/samples": TRAIN,
    "GET /v1/training-jobs/{job_id}/samples/timelapse.webp": TRAIN,
    "GET /v1/training-jobs/{job_id}/samples/{name}.png": TRAIN,
    "GET /v1/training-jobs/{job_id}/checkpoints": TRAIN,
    "GET /v1/training-jobs/{job_id}/deliveries": TRAIN,
    "POST /v1/keys": ADMIN,
    "GET /v1/keys": ADMIN,
    "GET /v1/keys/{key_id}": ADMIN,
    "POST /v1/keys/{key_id}/rotate": ADMIN,
    "DELETE /v1/keys/{key_id}": ADMIN,
}

GUARDED = [route for route, scope in TABLE.items() if scope != PUBLIC]
OWNED = [route for route in TABLE if re.search(r"\{job_id\}|\{dataset_id\}|models/\{name\}", route)]


@dataclass(frozen=True)
class House:
    """A service that wants keys, without any worker, and a hand on its tables."""

    client: TestClient
    database: Database
    store: Store

    def key(self, *scopes: str, **options: object) -> tuple[str, str]:
        """Id and secret of a new key."""
        with self.database.session() as session:
            key, secret = keys.create(session, name="test", scopes=scopes, **options)  # type: ignore[arg-type]
        return key.id, secret

    def ask(self, route: str, secret: str | None, **parts: str) -> tuple[int, str]:
        """Status and code of the answer to a request without a body, or with the one that a PUT wants."""
        method, _, path = route.partition(" ")
        if "/jobs/" in path:
            parts = {"name": "0.png", "extension": "webp", **parts}
        if "/samples/" in path:
            parts = {"name": "latest", **parts}
        filled = re.sub(r"\{(\w+)\}", lambda found: parts.get(found[1], FILLED.get(found[1], "none")), path)
        headers = {"Authorization": f"Bearer {secret}"} if secret is not None else {}
        body = {"version": parts.get("version", "sha256:none")} if method == "PUT" else None
        answer = self.client.request(method, filled, json=body, headers=headers, follow_redirects=False)
        problem = answer.headers.get("content-type") == "application/problem+json" and method != "HEAD"
        return answer.status_code, answer.json()["code"] if problem else ""

    def things(self, owner: str, route: str) -> dict[str, str]:
        """A job, a data set and a model of `owner`, all new, as parts of a path."""
        kind = training.KIND if "training-jobs" in route else "generate"
        kind_of_model = "classifier" if route.endswith("/infer") else "generator"
        name = f"model-{datasets.new_id()[3:]}"
        checkpoint = serving.checkpoint(kind_of_model, size=8, channels=1, note=name)
        with self.database.session() as session:
            job = jobs.create(session, kind=kind, queue="none", request=REQUEST, owner=owner)
            found = datasets.create(session, dataset_id=datasets.new_id(), name="d", uploads=[], owner=owner)
            version = registry.publish(
                session, self.store, name=name, checkpoint=checkpoint, onnx=None, source=job.id, owner=owner
            )
            registry.point(session, model=name, alias="production", digest=version.digest)
        self.client.app.state.parts.catalog.refresh()  # type: ignore[attr-defined]
        parts = {"job_id": job.id, "dataset_id": found.id, "digest": version.digest}
        return parts | ({"name": name, "version": f"sha256:{version.digest}"} if "models/" in route else {})


REQUEST = {"preset": "none", "dataset": "none", "dataset_name": "none", "model": "none"}
FILLED = {"name": "ada.png", "first": "bob", "extension": "png", "version": "9", "style": "faces", "options": "size=32"}


@pytest.fixture(scope="module")
def house(api_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("keyed")
    settings = Settings(
        home=home,
        redis_url=api_redis.replace("redis.sock", "redis.sock?db=7"),
        admin_key=ADMIN_SECRET,
        interactive_deadline_seconds=0.3,
    )
    serving.publish(settings)
    database = Database(settings.database)
    with TestClient(create_app(settings), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield House(client, database, Store(settings.store))
    database.close()


def test_the_table_names_every_route_and_no_other() -> None:
    found = {
        f"{method} {re.sub(r':[a-z]+}', '}', route.path)}"
        for router in ROUTERS
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    assert found == set(TABLE), "say in TABLE which scope a new route asks for"


@pytest.mark.parametrize("route", GUARDED)
def test_a_key_that_is_missing_wrong_over_or_revoked_opens_nothing(route: str, house: House) -> None:
    over_id, over = house.key(*SCOPES)
    revoked_id, revoked = house.key(*SCOPES)
    with house.database.session() as session:
        session.execute(sa.update(KeyRow).where(KeyRow.id == over_id).values(expires_at=now() - timedelta(seconds=1)))
        keys.revoke(session, revoked_id)
    for secret in (None, "", "guessed", revoked, over, over.upper()):
        status, code = house.ask(route, secret)
        assert (status, code or "unauthenticated") == (401, "unauthenticated")


@pytest.mark.parametrize("route", GUARDED)
def test_a_key_opens_what_its_scopes_say(route: str, house: House) -> None:
    needed = TABLE[route]
    for scope in SCOPES:
        _, secret = house.key(scope)
        status, _ = house.ask(route, secret)
        if scope in (needed, ADMIN):
            assert status not in (401, 403, 500), scope
        else:
            assert status == 403, scope


@pytest.mark.parametrize("route", [route for route, scope in TABLE.items() if scope == PUBLIC])
def test_what_is_public_needs_no_key(route: str, house: House) -> None:
    status, _ = house.ask(route, None)
    assert status not in (401, 403, 500)


@pytest.mark.parametrize("route", OWNED)
def test_strangers_find_nothing_and_owners_their_own(route: str, house: House) -> None:
    owner_id, owner = house.key(PREDICT, TRAIN)
    _, stranger = house.key(PREDICT, TRAIN)
    _, friend = house.key(PREDICT, TRAIN, shares=owner_id)
    things = house.things(owner_id, route)
    missing = {"unknown_job", "unknown_dataset", "unknown_model"}
    status, code = house.ask(route, stranger, **things)
    assert status == 404
    assert code in missing
    for secret in (owner, friend, ADMIN_SECRET):
        status, code = house.ask(route, secret, **house.things(owner_id, route))
        assert status not in (401, 403, 500)
        assert code not in missing


@pytest.mark.parametrize("kind", [training.KIND, training.PROBE_KIND, datasets.KIND])
def test_a_key_that_may_not_train_sees_what_trains_and_cancels_none_of_it(kind: str, house: House) -> None:
    owner_id, owner = house.key(PREDICT, TRAIN)
    _, friend = house.key(PREDICT, shares=owner_id)
    with house.database.session() as session:
        job = jobs.create(session, kind=kind, queue="none", request=REQUEST, owner=owner_id)
    assert house.ask("GET /v1/jobs/{job_id}", friend, job_id=job.id)[0] == 200
    assert house.ask("POST /v1/jobs/{job_id}/cancel", friend, job_id=job.id) == (403, "forbidden")
    assert house.ask("POST /v1/jobs/{job_id}/cancel", owner, job_id=job.id)[0] == 200


@pytest.mark.parametrize(
    "changes", [{"name": "a\0b"}, {"name": "a\nb"}, {"name": "\ud800"}, {"expires_at": "9999-12-31T23:59:59-12:00"}]
)
def test_a_key_that_no_database_can_hold_is_not_made(changes: dict[str, str], house: House) -> None:
    body = json.dumps({"name": "shop", "scopes": [PREDICT], **changes})
    headers = {"Authorization": f"Bearer {ADMIN_SECRET}", "Content-Type": "application/json"}
    answer = house.client.post("/v1/keys", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/training-jobs", "/v1/datasets", "/v1/models"])
def test_lists_show_the_caller_its_own(path: str, house: House) -> None:
    owner_id, owner = house.key(PREDICT, TRAIN)
    _, stranger = house.key(PREDICT, TRAIN)
    things = house.things(owner_id, f"GET {path}/")
    ours = set(things.values())

    def seen(secret: str) -> set[str]:
        answer = house.client.get(path, headers={"Authorization": f"Bearer {secret}"})
        return {entry["id"] for entry in answer.json()["data"]} & ours

    assert seen(owner)
    assert seen(ADMIN_SECRET)
    assert not seen(stranger)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/generate", {"model": "{name}", "count": 1}),
        ("POST", "/v1/images/generations", {"model": "{name}", "prompt": "ada"}),
        ("POST", "/v1/animate", {"model": "{name}", "seeds": ["a", "b"]}),
        ("GET", "/v1/faces/ada.png?model={name}", None),
        ("GET", "/v1/faces/ada/to/bob.webp?model={name}", None),
        ("GET", "/v1/sheets.png?seeds=a,b&model={name}", None),
        ("GET", "/f/model={name}/ada.png", None),
    ],
)
def test_a_model_is_used_by_its_owner_alone(
    method: str, path: str, body: dict[str, object] | None, house: House
) -> None:
    owner_id, owner = house.key(PREDICT)
    _, stranger = house.key(PREDICT)
    name = house.things(owner_id, "GET /v1/models/")["name"]
    filled = None if body is None else {key: name if value == "{name}" else value for key, value in body.items()}

    def code(secret: str) -> str:
        headers = {"Authorization": f"Bearer {secret}"}
        return str(house.client.request(method, path.format(name=name), json=filled, headers=headers).json()["code"])

    assert code(stranger) == "unknown_model"
    assert code(owner) == "no_worker"
    assert code(ADMIN_SECRET) == "no_worker"


@pytest.mark.parametrize(
    "route", ["PUT /v1/models/{name}/aliases/{alias}", "DELETE /v1/models/{name}/versions/{version}"]
)
def test_the_models_of_the_service_are_changed_by_administrators_alone(route: str, house: House) -> None:
    _, secret = house.key(PREDICT, TRAIN)
    listed = house.client.get("/v1/models/faces", headers={"Authorization": f"Bearer {secret}"}).json()
    parts = {"name": "faces", "alias": "production", "version": listed["version"]}
    assert house.ask(route, secret, **parts) == (403, "forbidden")
    assert house.ask(route, ADMIN_SECRET, **parts)[1] in ("no_worker", "version_in_use")


def test_nobody_publishes_into_a_model_of_another_key(house: House) -> None:
    owner_id, _ = house.key(TRAIN)
    stranger_id, _ = house.key(TRAIN)
    name = house.things(owner_id, "GET /v1/models/")["name"]
    checkpoint = serving.checkpoint("generator", size=8, channels=1, note="of a stranger")
    with pytest.raises(Forbidden), house.database.session() as session:
        registry.publish(
            session, house.store, name=name, checkpoint=checkpoint, onnx=None, source="job", owner=stranger_id
        )
