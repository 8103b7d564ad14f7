import pytest
import torch

from models import metrics, strangers
from models.classifier import Classifier, NetworkConfig

DEVIATIONS = torch.tensor([5.0, 1.0, 0.2, 1.0])


def drawn(count: int, *, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of three classes, the second and the last of which move together, and labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    x = torch.randn(count, 4, generator=generator)
    x[:, 3] = 0.95 * x[:, 1] + 0.31 * x[:, 3]
    return (x + 4 * torch.eye(3, 4)[labels]) * DEVIATIONS, labels


def confident(labels: torch.Tensor) -> torch.Tensor:
    return 5.0 * torch.eye(3)[labels]


def fitted(count: int = 600) -> strangers.Strangers:
    known, labels = drawn(count, seed=0)
    features, others = drawn(300, seed=1)
    generator = torch.Generator().manual_seed(2)
    logits = confident(others) + 0.1 * torch.randn(300, 3, generator=generator)
    return strangers.fit(known, labels, features=features, logits=logits)


def test_known_pictures_have_a_distance_of_about_as_much_as_there_are_features() -> None:
    features, _ = drawn(900, seed=3)
    assert fitted().distance(features).mean().item() == pytest.approx(4, rel=0.1)


def test_the_distance_is_that_of_mahalanobis_to_the_nearest_class() -> None:
    known, labels = drawn(6_000, seed=0)
    score = strangers.fit(known, labels, features=known, logits=confident(labels))
    means = torch.stack([known[labels == label].mean(0) for label in range(3)]).double()
    around = known - means[labels]
    precision = torch.linalg.inv(around.T @ around / len(known))
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(4)) * DEVIATIONS * 3
    apart = x[:, None] - means
    expected = torch.einsum("nci,ij,ncj->nc", apart, precision, apart).amin(1)
    torch.testing.assert_close(score.distance(x).double(), expected, rtol=0.06, atol=0.0)


def test_what_moves_otherwise_than_known_pictures_do_is_a_stranger() -> None:
    features, labels = drawn(300, seed=3)
    strange = features.clone()
    strange[:, 3] = -strange[:, 3]  # every feature by itself is as usual
    score = fitted()
    one, other = (score(x, confident(labels)) for x in (features, strange))
    assert metrics.auroc(one, other) > 0.8


def test_a_class_that_is_not_sure_makes_a_stranger_too() -> None:
    features, labels = drawn(300, seed=3)
    score = fitted()
    assert (score(features, 0.5 * confident(labels)) > score(features, confident(labels))).all()


def test_validation_pictures_have_scores_around_zero() -> None:
    known, labels = drawn(600, seed=0)
    features, others = drawn(300, seed=1)
    logits = confident(others) + 0.1 * torch.randn(300, 3, generator=torch.Generator().manual_seed(2))
    score = strangers.fit(known, labels, features=features, logits=logits)(features, logits)
    assert score.mean().item() == pytest.approx(0, abs=1e-4)
    assert 0.9 < score.std().item() < 1.3


def test_few_pictures_and_a_class_without_any_still_give_numbers() -> None:
    known, labels = drawn(7, seed=0)
    known, labels = known[labels < 2], labels[labels < 2]
    wide = torch.cat([known] * 5, 1)  # 20 features of 5 pictures
    score = strangers.fit(wide, labels, features=wide + 0.1, logits=confident(labels))
    assert score.means.shape == (2, 20)
    assert torch.isfinite(score(wide, confident(labels))).all()
    assert torch.isfinite(score(1_000 * wide, confident(labels))).all()


def test_pictures_that_are_all_alike_still_give_numbers() -> None:
    known, labels = torch.ones(6, 3), torch.arange(6) % 3
    score = strangers.fit(known, labels, features=known, logits=confident(labels))
    assert torch.isfinite(score(torch.rand(4, 3), torch.zeros(4, 3))).all()


def test_features_that_are_no_numbers_are_refused() -> None:
    known, labels = torch.full((6, 3), torch.nan), torch.arange(6) % 3
    with pytest.raises(FloatingPointError, match="no number"):
        strangers.fit(known, labels, features=known, logits=confident(labels))


def test_the_fewer_samples_the_more_a_covariance_is_drawn_towards_its_diagonal() -> None:
    x, _ = drawn(5_000, seed=0)
    x = (x - x.mean(0)) / x.std(0)
    whole = x.T @ x / len(x)
    off = [strangers.shrunk_covariance(x[:count].double())[1, 3].item() / whole[1, 3].item() for count in (8, 5_000)]
    assert off[0] < 0.95
    assert off[1] == pytest.approx(1, abs=0.01)


def test_constants_come_back_from_where_they_are_kept() -> None:
    score = fitted()
    kept = score.constants()
    assert kept["whitening"].dtype == torch.float16
    features, labels = drawn(20, seed=5)
    again = strangers.Strangers(kept)
    assert torch.equal(again(features, confident(labels)), score(features, confident(labels)))


@pytest.mark.parametrize("family", ["residual", "plain"])
def test_every_stage_is_described_once_and_the_network_keeps_its_mode(family: str) -> None:
    torch.manual_seed(0)
    config = NetworkConfig(family=family, widths=(4, 8, 6), blocks=(1, 1, 1), size=16, classes=3)  # type: ignore[arg-type]
    network = Classifier(config).eval()
    pictures = torch.randint(0, 256, (5, 1, 16, 16)).to(torch.uint8)
    features, logits = strangers.describe(network, pictures)
    x = pictures.float() / 255
    assert features.shape == (5, 4 + 8 + 6)
    torch.testing.assert_close(logits, network(x))
    last = network.features((x - network.mean) / network.std).mean((2, 3))
    torch.testing.assert_close(features[:, -6:], last)
    assert not any(module.training for module in network.modules())
