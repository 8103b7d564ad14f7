import pytest

from app.contract.errors import NotAcceptable
from app.http import negotiation

OFFERED = ("application/json", "image/png", "image/webp")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("image/*", "image/png"),
        ("image/webp", "image/webp"),
        ("IMAGE/WEBP", "image/webp"),
        ("image/avif, image/webp, */*;q=0.8", "image/webp"),
        ("image/png;q=0.1, image/webp;q=0.2", "image/webp"),
        ("image/*, image/png;q=0", "image/webp"),
        ("text/html, application/json;q=0.1", "application/json"),
        ("image/png;q=x, image/webp;q=0.1", "image/webp"),
    ],
)
def test_the_client_gets_what_it_likes_best(accept: str | None, chosen: str) -> None:
    assert negotiation.choose(accept, OFFERED) == chosen


@pytest.mark.parametrize("accept", ["text/html", "image/gif", "*/*;q=0", "nonsense"])
def test_what_is_not_offered_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiation.choose(accept, OFFERED)
