"""Addresses of faces with random options, most of them nonsense: each is answered or refused, and nothing grows.

FUZZ_ADDRESSES=100000 pytest tests/test_address_fuzz.py -s
"""

import contextlib
import http.client
import itertools
import os
import random
import re
import string
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import pytest

from tests.running import running_service

COUNT = int(os.environ.get("FUZZ_ADDRESSES", "1500"))
CLIENTS = 8
MOST_SECONDS = 60.0
NO_ANSWER = 0
CACHE_BYTES = 4_000_000
MOST_GROWTH_BYTES = 100_000_000
DOCUMENTED = {200, 302, 307, 400, 401, 403, 404, 422}

NAMES = (
    *("size", "truncation", "model", "label", "edits", "mix", "radius", "background", "grey", "flip", "rotate"),
    *("scale", "fallback", "credentials", "frames", "fps", "loop", "via", "seeds", "columns", "gap", "expressions"),
    *("s", "d", "f", "r", "seed", "backgroundColor", "key", "expires", "domain", "signature", "sise", ""),
)
NUMBERS = (
    "0",
    "1",
    "15",
    "16",
    "64",
    "96",
    "50",
    "51",
    "360",
    "1024",
    "1025",
    "-1",
    "99999999999",
    "0.5",
    "1e3",
    "nan",
)
WORDS = (
    *("true", "false", "TRUE", "", "null", "none", "identicon", "mp", "404", "faces", "clothing", "faces@production"),
    *("faces@sha256:000000000000", "smile:1.5", "smile:1,smile:2", "neutral;smile:2", "a,b,c", "ff8800", "#fff"),
)
FITTING = {
    "size": ("16", "33", "64", "96", "128"),
    "truncation": ("0", "0.5", ".75", "1", "1e-3"),
    "model": ("faces", "faces@production"),
    "radius": ("0", "7", "50"),
    "background": ("ff8800", "000000"),
    "grey": ("true", "false"),
    "flip": ("true", "false"),
    "rotate": ("0", "45", "360"),
    "scale": ("10", "100", "200"),
    "fallback": ("identicon", "mp", "none"),
}
ODD = string.printable + "üß雪🙂\u202e\u0000\ud7ff"
EXTENSIONS = ("png", "jpg", "webp", "avif", "gif", "svg", "json", "PNG", "")

pytestmark = pytest.mark.timeout(120 + COUNT // 20)


class Addresses:
    """Random addresses, the same ones for the same number."""

    def __init__(self, number: int) -> None:
        self._chance = random.Random(number)

    def __iter__(self) -> Iterator[str]:
        while True:
            yield self._address()

    def _address(self) -> str:
        pick, seed, extension = self._chance.choice, self._seed(), self._chance.choice(EXTENSIONS)
        options = self._options()
        path = pick(
            [
                *[f"/v1/faces/{seed}.{extension}"] * 5,
                f"/v1/faces/{seed}/to/{self._seed()}.{extension}",
                f"/f/{self._options() or 'x'}/{seed}.{extension}",
                f"/avatar/{seed}.{extension}",
                f"/{pick(['9', '7', '0', '999', 'x'])}.x/{pick(['faces', 'clothing', seed])}/{extension}",
                f"/v1/sheets.{extension}",
                f"/embed/{seed}",
                f"/oembed?url={quote(f'http://127.0.0.1/v1/faces/{seed}.{extension}?{options}', safe='')}",
            ]
        )
        return path if "?" in path or not options else f"{path}?{options}"

    def _options(self) -> str:
        if self._chance.random() < 0.5:
            names = self._chance.sample(list(FITTING), self._chance.randrange(5))
            pairs = [(name, self._chance.choice(FITTING[name])) for name in names]
        else:
            pairs = [(self._chance.choice(NAMES), self._value()) for _ in range(self._chance.randrange(5))]
        return "&".join(f"{name}={quote(value, safe=self._chance.choice(['', '/:;,@']))}" for name, value in pairs)

    def _value(self) -> str:
        match self._chance.randrange(4):
            case 0:
                return self._chance.choice(NUMBERS)
            case 1:
                return self._chance.choice(WORDS)
            case 2:
                return str(self._chance.randrange(1100))
            case _:
                return "".join(self._chance.choices(ODD, k=self._chance.randrange(40)))

    def _seed(self) -> str:
        letters = string.ascii_letters + string.digits + "./%?#&= ü雪🙂"
        return quote("".join(self._chance.choices(letters, k=self._chance.randrange(30))), safe="")


def test_every_address_is_answered_or_refused(tmp_path: Path) -> None:
    statuses: Counter[int] = Counter()
    failures: list[tuple[int, str]] = []
    lock = threading.Lock()

    def ask(number: int, count: int) -> None:
        parts = urlsplit(service.base_url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=MOST_SECONDS)
        with contextlib.closing(connection):
            for address in itertools.islice(Addresses(number), count):
                try:
                    connection.request("GET", address)
                    answer = connection.getresponse()
                    answer.read()
                    status = answer.status
                except OSError:  # no answer in time; the next request opens another connection
                    connection.close()
                    status = NO_ANSWER
                with lock:
                    statuses[status] += 1
                    if status not in DOCUMENTED:
                        failures.append((status, address))

    def ask_all(first: int, count: int) -> None:
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(ask, range(first, first + CLIENTS), [count // CLIENTS] * CLIENTS))

    with running_service(tmp_path / "home", LIKENESS_FACE_CACHE_BYTES=str(CACHE_BYTES)) as service:
        ask_all(0, COUNT // 5)  # whatever is loaded at first use is loaded
        before = figure(service.base_url, "process_resident_memory_bytes")
        ask_all(CLIENTS, COUNT - COUNT // 5)
        after = figure(service.base_url, "process_resident_memory_bytes")
        cached = figure(service.base_url, "likeness_face_cache_bytes")

    grown = after - before
    print(f"\n{sum(statuses.values())} addresses: {dict(sorted(statuses.items()))}; {grown / 1e6:+.1f} MB")
    assert failures == []
    assert statuses[200] > COUNT / 20
    assert statuses[422] > COUNT / 20
    assert cached <= CACHE_BYTES
    assert grown < MOST_GROWTH_BYTES


def figure(url: str, name: str) -> float:
    """One of the api's own figures."""
    with urlopen(f"{url}/metrics") as answer:
        found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    assert found, name
    return float(found[1])
