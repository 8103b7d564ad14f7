import pytest

from app.http import conditional


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ("", False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b"', False),
        ('"b", "a"', True),
        ("*", True),
        ("a", False),
    ],
)
def test_a_tag_is_found_among_those_the_client_knows(header: str | None, known: bool) -> None:
    assert conditional.matches(header, "a") is known
