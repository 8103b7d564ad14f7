"""Conditional requests (RFC 9110, section 13): whether a client has the bytes already."""


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether `If-None-Match` names the entity tag `tag`, given without quotes; weak marks do not matter here."""
    if if_none_match is None:
        return False
    known = (entry.strip().removeprefix("W/") for entry in if_none_match.split(","))
    return any(entry == "*" or entry == f'"{tag}"' for entry in known)
