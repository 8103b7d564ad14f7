import pytest
import torch
from torch import nn

from models.muon import Muon, orthogonal


def matrix(rows: int, columns: int, *, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(16, 144), (48, 12), (24, 24)])
def test_the_orthogonal_part_has_the_same_directions_and_singular_values_near_one(shape: tuple[int, int]) -> None:
    given = matrix(*shape)
    u, s, v = torch.linalg.svd(given, full_matrices=False)
    found = orthogonal(given * 1e-3)
    along = torch.einsum("ik,ij,jk->k", u, found, v.T)
    assert ((along > 0.6) & (along < 1.3))[s > 0.01 * s[0]].all()
    # Nothing outside the directions that are there.
    assert torch.linalg.norm(found) ** 2 == pytest.approx(along.square().sum().item(), rel=0.05)


def test_of_nothing_comes_nothing() -> None:
    assert not orthogonal(torch.zeros(4, 9)).any()


def test_a_step_turns_filters_by_the_rate_and_keeps_their_length() -> None:
    filters = nn.Parameter(matrix(8, 36).view(8, 4, 3, 3))
    muon = Muon([filters], lr=0.1, momentum=0.9)
    filters.grad = matrix(8, 36, seed=1).view(8, 4, 3, 3)
    muon.step()
    before = filters.detach().clone()
    muon.step()
    assert filters.norm().item() == pytest.approx(8**0.5)
    turned = (filters - before).norm() / before.norm()
    assert 0.05 < turned < 0.15


def test_a_step_goes_downhill() -> None:
    target = matrix(6, 18, seed=2).view(6, 2, 3, 3)
    filters = nn.Parameter(matrix(6, 18).view(6, 2, 3, 3))
    muon = Muon([filters], lr=0.05, momentum=0.5)

    def disagreement() -> torch.Tensor:
        return -nn.functional.cosine_similarity(filters.flatten(), target.flatten(), 0)

    before = disagreement().item()
    for _ in range(40):
        muon.zero_grad()
        disagreement().backward()
        muon.step()
    assert disagreement().item() < min(before, 0) - 0.6


def test_filters_without_a_gradient_stay() -> None:
    filters = nn.Parameter(matrix(8, 36).view(8, 4, 3, 3))
    Muon([filters], lr=0.1, momentum=0.9).step()
    assert torch.equal(filters, matrix(8, 36).view(8, 4, 3, 3))
