"""What `tarfile` gets to read of an upload: headers alone, and few of them before each member.

One header may claim gigabytes, which would be read in one go, and any number of them may follow each other before there
is a member to look at.
"""

import re
import tarfile
from collections.abc import Callable
from typing import IO

from app.contract.errors import BadArchive

_HEADER_BYTES = 100_000  # in front of one member of a tar file: a name and attributes take a few thousand
_FREE_BYTES = 4096  # of those: they unpack to far more than they take, and to more than a tiny picture does
_LONGEST_NAME = 5 * tarfile.BLOCKSIZE  # 512 letters in UTF-8
_RECORD = re.compile(rb"(\d{1,20}) [^=\n]{1,1000}=")
_ENDLESS_NUMBER = re.compile(rb"\d{256}")  # a name between two slashes has 255 bytes at most


class TarSips:
    """The unpacked bytes of a tar file, read once from front to back, and counted before they are.

    Args:
        check_total: raises `BadArchive` where so many bytes are too many.
    """

    def __init__(self, file: IO[bytes], *, check_total: Callable[[int], None]) -> None:
        self._file = file
        self._check = check_total
        self._left, self._free = _HEADER_BYTES, _FREE_BYTES

    def data(self, size: int) -> bytes:
        """The data of the member whose headers were read last. Those of the next may follow."""
        if size < 0:  # `read` would give all there is
            raise BadArchive(reason="one of its headers is damaged")
        self._check_total(size)
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError
        self._left = _HEADER_BYTES
        self._free += _FREE_BYTES
        return data

    def read(self, size: int = -1) -> bytes:
        self._take(size)
        header = self._file.read(size)
        _check_header(header)
        return header

    def seek(self, position: int) -> int:
        self._take(position - self.tell())
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()

    def _take(self, size: int) -> None:
        if not 0 <= size <= self._left:
            raise BadArchive(reason="one of its headers is far too large")
        self._left -= size
        self._check_total(size)

    def _check_total(self, size: int) -> None:
        self._check(self.tell() + size - self._free)


def _check_header(header: bytes) -> None:
    """Refuse what `tarfile` before Python 3.11.10 spends time on that grows with the square of the header.

    That is a number without end, and a record of an extended header that is longer than it says.
    """
    sound = not _ENDLESS_NUMBER.search(header)
    if len(header) > _LONGEST_NAME:
        at = 0
        while (record := _RECORD.match(header, at)) and at + int(record[1]) > record.end():
            at += int(record[1])
        sound = sound and not header[at:].strip(b"\0")
    if not sound:
        raise BadArchive(reason="one of its headers is damaged")
