import torch

from models.classifier import Classifier, NetworkConfig
from models.predict import predict

PICTURES = torch.randint(0, 256, (1_003, 1, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def network() -> Classifier:
    torch.manual_seed(0)
    made = Classifier(NetworkConfig(widths=(8,), blocks=(1,), size=12, classes=3))
    made.train()(torch.rand(64, 1, 12, 12))  # gives the normalisation statistics of its own
    return made


def test_all_pictures_are_answered_in_order_and_the_mode_is_left_as_it_was() -> None:
    net = network()
    logits = predict(net, PICTURES)
    assert net.training
    torch.testing.assert_close(logits, net.eval()(PICTURES.float() / 255))


def test_ten_views_do_not_care_whether_the_picture_is_mirrored() -> None:
    net = network()
    torch.testing.assert_close(predict(net, PICTURES, tta=True), predict(net, PICTURES.flip(3), tta=True))
    assert not torch.allclose(predict(net, PICTURES), predict(net, PICTURES.flip(3)))


def test_as_much_memory_whatever_side_the_network_looks_at() -> None:
    batches: list[int] = []
    for enlarged in (128, 256):
        net = Classifier(NetworkConfig(widths=(8,), blocks=(1,), size=12, classes=3, enlarged=enlarged))
        net.register_forward_pre_hook(lambda _, inputs: batches.append(len(inputs[0])))
        predict(net, PICTURES[:150])
    assert batches == [100, 50, 25, 25, 25, 25, 25, 25]
