"""What the operator's files name is there: figures, settings, commands, images."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from prometheus_client.metrics_core import Metric

from app import service_figures
from app.cli.main import application
from app.contract.messages import WorkerReport, WorkerState
from app.contract.settings import Settings
from app.drawing import certificate
from app.drawing.credentials import Credentials
from app.drawing.face_cache import FaceCache
from app.metrics import Metrics
from models import images
from tests.app.routes.test_metrics import expressions

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "operations.md").read_text(encoding="utf-8")
FIGURE = re.compile(r"\b(?:likeness|process)_[a-z_]+\b(?!=)")
RECIPE = PAGE[PAGE.index("docker run --rm likeness-api") :].partition("```")[0]
SHARED = ("queue_messages", "queue_oldest_seconds", "jobs", "jobs_oldest_queued_seconds", "part_up")


def told() -> set[str]:
    """Every name that a scrape can show."""
    metrics = Metrics()
    metrics.watch(FaceCache(1))
    report = WorkerReport(
        name="w", boot="b", queue="infer", state=WorkerState.READY, device="cpu", engine="onnx", at=0.0
    )
    families: list[Metric] = [
        *metrics.registry.collect(),
        *service_figures.of_workers([report], silent=[], restarts={"w": 0}),
    ]
    names = {f"likeness_{name}" for name in SHARED}
    for family in families:
        match family.type:
            case "counter":
                names.add(f"{family.name}_total")
            case "histogram":
                names |= {family.name} | {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
            case _:
                names.add(family.name)
    return names


@pytest.mark.parametrize(
    "name", ["operations/dashboard.json", "operations/alerts.yml", "kubernetes/keda.yaml", "operations.md"]
)
def test_every_figure_that_is_named_exists(name: str) -> None:
    named = set(FIGURE.findall((DOCS / name).read_text(encoding="utf-8")))
    assert named
    assert named - told() == set()


def test_every_figure_is_explained() -> None:
    ours = {
        name for name in told() if name.startswith("likeness_") and not name.endswith(("_bucket", "_sum", "_count"))
    }
    assert {name for name in ours if f"`{name}`" not in PAGE} == set()


def test_every_alert_has_a_recipe() -> None:
    rules = yaml.safe_load((DOCS / "operations" / "alerts.yml").read_text(encoding="utf-8"))
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert alerts
    assert [alert for alert in alerts if f"**{alert}" not in PAGE] == []


def test_what_every_api_process_tells_alike_is_not_added_up() -> None:
    shared = rf"likeness_(?:worker_[a-z_]+|{'|'.join(SHARED)})\b"
    added = re.compile(rf"\bsum(?: by \([a-z_, ]+\))? ?\((?:[a-z]+\()?{shared}")  # perhaps by way of rate() or the like
    assert added.search("sum by (worker) (resets(likeness_worker_batches_total[30m]))")
    assert [expression for expression in expressions() if added.search(expression)] == []


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    panels = json.loads((DOCS / "operations" / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_limits_in_the_page_are_settings() -> None:
    named = set(re.findall(r"`((?:key|address|max|slow|lease|job)_[a-z_]+)`", PAGE))
    assert named
    assert named <= set(Settings.model_fields)


def test_manifests_use_settings_commands_and_users_that_exist() -> None:
    found: list[dict[str, Any]] = list(yaml.safe_load_all((DOCS / "kubernetes/likeness.yaml").read_text("utf-8")))
    commands = set(typer.main.get_command(application).commands)  # type: ignore[attr-defined]
    variables = {
        name
        for each in found
        if each["kind"] in ("ConfigMap", "Secret")
        for name in {**each.get("data", {}), **each.get("stringData", {})}
    }
    ours = {name.removeprefix("LIKENESS_").lower() for name in variables if name.startswith("LIKENESS_")}
    assert ours <= set(Settings.model_fields)
    pods = [each["spec"]["template"]["spec"] for each in found if each["kind"] in ("Deployment", "Job")]
    assert len(pods) == 4
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container.get("command", ["likeness", "api"])[1] in commands


def test_all_api_pods_sign_with_one_certificate() -> None:
    found: list[dict[str, Any]] = list(yaml.safe_load_all((DOCS / "kubernetes/likeness.yaml").read_text("utf-8")))
    (pod,) = (
        each["spec"]["template"]["spec"]
        for each in found
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "api"
    )
    (container,) = pod["containers"]
    secrets = {each["name"]: each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
    folders = {
        each["mountPath"]: secrets[each["name"]] for each in container["volumeMounts"] if each["name"] in secrets
    }
    files = {each["name"]: Path(each["value"]) for each in container["env"]}
    assert set(files) == {"LIKENESS_CREDENTIALS_CERTIFICATE", "LIKENESS_CREDENTIALS_KEY"}
    (command,) = (line for line in RECIPE.splitlines() if line.startswith("kubectl "))
    for file in files.values():
        assert f" {folders[str(file.parent)]} " in command
        assert f"--from-file={file.name}" in command


def test_a_certificate_that_is_made_as_the_page_says_signs(tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="needs the extra `marks`")
    steps = RECIPE.replace("docker run --rm likeness-api python", shlex.quote(sys.executable))
    subprocess.run(["/bin/sh", "-ec", steps[: steps.index("kubectl ")]], cwd=tmp_path, check=True)
    settings = Settings(
        home=tmp_path, credentials_certificate=tmp_path / "chain.pem", credentials_key=tmp_path / "key.pem"
    )
    here, there = (Credentials(lambda: certificate.load(settings)) for _ in range(2))
    picture = images.encode(bytes(64 * 64 * 3), width=64, height=64, channels=3, format="png")
    told = there.read(
        here.sign(picture, content_type="image/png", title="ada", parameters={}), content_type="image/png"
    )
    assert told is not None
    assert (told.state, told.ours) == ("trusted", True)
    kept = certificate.load(Settings(home=tmp_path))  # the pair as a service has it that made it by itself
    assert kept.serial == certificate.load(settings).serial


def test_the_compose_file_keeps_the_certificate_of_the_api() -> None:
    found = yaml.safe_load((DOCS.parent / "docker-compose.yml").read_text("utf-8"))
    places = dict(volume.split(":") for volume in found["services"]["api"]["volumes"])
    named = [name for name, place in places.items() if place == "/var/lib/likeness"]
    assert len(named) == 1
    assert named[0] in found["volumes"]
