"""A PostgreSQL server of the tests' own: a fresh cluster in a temporary directory, on a private socket."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")


def binaries() -> Path | None:
    """The directory of `initdb` and `postgres`, newest release first, or None where there is no server."""
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True)
    on_path = shutil.which("initdb")
    return found[0].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def server(directory: Path, *, listen: str = "", port: int = 5432) -> Iterator[str]:
    """Run a server in `directory` and yield its SQLAlchemy URL. PostgreSQL refuses root, so root becomes `postgres`.

    It listens on a private socket, and for whoever comes on the address `listen` when one is given.
    """
    where = binaries()
    assert where is not None
    cluster, sockets = directory / "cluster", directory / "sockets"
    sockets.mkdir(parents=True)
    user: dict[str, str] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        user = {"user": "postgres", "group": "postgres"}
        os.chown(directory, account.pw_uid, account.pw_gid)
        os.chown(sockets, account.pw_uid, account.pw_gid)
    quiet: dict[str, object] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": directory, **user}
    subprocess.run([where / "initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-D", cluster], **quiet)
    if listen:
        with open(cluster / "pg_hba.conf", "a") as rules:
            rules.write("host all all all trust\n")
    options = f"-c listen_addresses='{listen}' -c port={port} -c unix_socket_directories={sockets} -c fsync=off"
    control = [where / "pg_ctl", "-D", cluster, "-w", "-l", directory / "log"]
    subprocess.run([*control, "-o", options, "start"], **quiet)
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={sockets}&port={port}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
