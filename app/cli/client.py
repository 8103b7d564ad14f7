"""A client of one running service, for the commands that use it over HTTP."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx

from app.cli import failure

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 60.0


class ServiceError(Exception):
    """The service refused or failed; the message is one sentence for a person.

    Attributes:
        status: the HTTP status, or 0 when there was no answer at all.
        retry_after: after how many seconds the service asks to be asked again, if it does.
    """

    def __init__(self, sentence: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.status, self.retry_after = status, retry_after

    @property
    def temporary(self) -> bool:
        """Whether the same may be answered later: the service is away, starting or busy."""
        return self.status in (0, httpx.codes.TOO_MANY_REQUESTS) or httpx.codes.is_server_error(self.status)


class Client:
    """Speaks to the service at `LIKENESS_URL` with the key in `LIKENESS_KEY`.

    Raises:
        ServiceError: no request can carry the key.
    """

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        self.url = (url or os.environ.get("LIKENESS_URL") or DEFAULT_URL).rstrip("/")
        key = (key or os.environ.get("LIKENESS_KEY") or "").strip()
        if not (key.isascii() and key.isprintable()):
            raise ServiceError("LIKENESS_KEY holds characters that cannot be sent as a key.")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON answer to a GET; options that are None are left out.

        Raises:
            ServiceError: no answer, or one that is not a success.
        """
        return self._send("GET", path, params=_given(query))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON answer to a POST of JSON; fields that are None are left out.

        Raises:
            ServiceError: no answer, or one that is not a success.
        """
        return self._send("POST", path, json=_given(body))

    def delete(self, path: str) -> Any:
        """Return the JSON answer to a DELETE.

        Raises:
            ServiceError: no answer, or one that is not a success.
        """
        return self._send("DELETE", path)

    def upload(self, path: str, *, images: list[tuple[str, bytes]], **fields: Any) -> Any:
        """Return the JSON answer to a multipart POST of (file name, bytes) and of plain fields.

        Raises:
            ServiceError: no answer, or one that is not a success.
        """
        return self._send("POST", path, files=[("image", image) for image in images], data=_given(fields))

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON answer to a PUT of JSON.

        Raises:
            ServiceError: no answer, or one that is not a success.
        """
        return self._send("PUT", path, json=body)

    def send_files(self, path: str, *, files: Sequence[Path], sent: Callable[[int], None], **fields: Any) -> Any:
        """Return the JSON answer to a multipart POST of files in the field `file`, read as they are sent.

        Args:
            sent: called with the number of bytes of every piece that goes out.

        Raises:
            ServiceError: no answer, or one that is not a success.
        """
        with contextlib.ExitStack() as stack:
            opened = [(file.name, _Told(stack.enter_context(open(file, "rb")), sent)) for file in files]
            parts = [("file", part) for part in opened]
            return self._send("POST", path, files=parts, data=_given(fields))

    def download(self, path: str, target: Path, *, got: Callable[[int], None], **query: Any) -> None:
        """Write the body of a GET's answer to a file, which appears whole or not at all.

        Args:
            got: called with the number of bytes of every piece that comes.

        Raises:
            ServiceError: no answer, or one that is not a success.
            OSError: the file cannot be written.
        """
        partial = target.with_name(f".{target.name}.partial")
        try:
            with self._told(), self._http.stream("GET", path, params=_given(query)) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                with open(partial, "wb") as file:
                    for piece in answer.iter_bytes():
                        file.write(piece)
                        got(len(piece))
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _send(self, method: str, path: str, **parts: Any) -> Any:
        with self._told():
            answer = self._http.request(method, path, **parts)
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        if answer.is_success:
            return _json(answer, self.url)
        raise _refusal(answer)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say in a sentence that the service does not answer."""
        try:
            yield
        except httpx.TimeoutException:
            raise ServiceError(f"{self.url} does not answer within {TIMEOUT_SECONDS:.0f} s.") from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ServiceError(
                f"No Likeness service answers at {self.url} ({error}). Start one with `likeness up`, or set "
                "LIKENESS_URL to where it runs."
            ) from None


@contextlib.contextmanager
def service() -> Iterator[Client]:
    """The service, for as long as a command uses it. What it refuses ends the command, in its own words."""
    try:
        with Client() as found:
            yield found
    except ServiceError as error:
        failure.fail(str(error))


class _Told(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None]) -> None:
        self._file, self._told = file, told

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._told(len(data))
        return data

    def seekable(self) -> bool:
        return True

    def seek(self, position: int, whence: int = 0) -> int:
        return self._file.seek(position, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _json(answer: httpx.Response, url: str) -> Any:
    try:
        return answer.json()
    except ValueError:
        sentence = f"{url} answers, but not as Likeness does; is LIKENESS_URL right?"
        raise ServiceError(sentence, status=answer.status_code) from None


def _refusal(answer: httpx.Response) -> ServiceError:
    after = answer.headers.get("Retry-After", "")
    retry_after = float(after) if after.isdecimal() else None  # a proxy may send a date instead
    return ServiceError(_sentence(answer), status=answer.status_code, retry_after=retry_after)


def _sentence(answer: httpx.Response) -> str:
    """Return what a problem document says, with the fields that are wrong and the id that finds it in the logs."""
    try:
        problem = answer.json()
        said = str(problem.get("detail") or problem.get("title") or answer.reason_phrase)
        wrong = [(".".join(map(str, field["loc"])), field["msg"]) for field in problem.get("errors") or ()]
        fields = [f"{place}: {what}" for place, what in wrong if what not in said]
    except (ValueError, AttributeError, KeyError, TypeError):
        return f"The service answers {answer.status_code} {answer.reason_phrase}."
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        fields.append("set LIKENESS_KEY to a key of this service")
    after = answer.headers.get("Retry-After")
    return "; ".join([said, *fields]) + (f" Try again in {after} s." if after else "")
