"""
Serve the reference through nginx, whose limiter answers what is too much with a page of its own.

nginx runs in the foreground of a temporary folder, without privileges, and ends with this program.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from closecheck.reference import Reference, ReferenceConfig, ReferenceServer

HERE = Path(__file__).parent
UNPRIVILEGED = "nobody"
"""Whom nginx runs as where this program runs as root."""
PORTS_TRIED = 10
READY_WITHIN = 10.0
"""Seconds; nginx is up in a fraction of one."""


def main() -> int:
    """Serve until a signal or nginx itself ends it; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("status", type=int, choices=[503, 429], help="what the limiter answers; 503 is nginx's default")
    options.add_argument("port", type=int, help="on the loopback interface; 0: a free one")
    options.add_argument("--rate", default="50r/s", help="as limit_req_zone takes it (default: %(default)s)")
    asked = options.parse_args()
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if nginx is None:
        print("targets/serve-nginx: nginx is not installed", file=sys.stderr)
        return 4

    # As if by Ctrl-C, so that what was started is ended in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ReferenceServer(ReferenceConfig(), same_secret) as reference, tempfile.TemporaryDirectory() as folder:
        upstream = int(reference.root_url.rpartition(":")[2])
        for _ in range(PORTS_TRIED if asked.port == 0 else 1):
            port = asked.port or free_port()
            configure(Path(folder), status=asked.status, rate=asked.rate, port=port, upstream=upstream)
            server = start(nginx, Path(folder))
            try:
                if listens(server, Path(folder)):
                    print(f"nginx: http://127.0.0.1:{port}/v2024/access-requests/close", flush=True)
                    return server.wait()
            except KeyboardInterrupt:
                return 0
            finally:
                server.terminate()
                server.wait()
    print("targets/serve-nginx: nginx did not start", file=sys.stderr)
    return 1


def same_secret(reference: Reference) -> None:
    """Have the reference believe what ``targets/tokens`` signs."""
    reference.tokens.secret = os.environ["JWT_SECRET"].encode()


def free_port() -> int:
    """Return a port that was free a moment ago: nginx cannot be asked to choose one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def configure(folder: Path, *, status: int, rate: str, port: int, upstream: int) -> None:
    """Write ``nginx.conf`` into ``folder``. Of the two limiters the one at its default names no status at all."""
    text = (HERE / "nginx.conf").read_text(encoding="utf-8")
    words = {
        "@limit_req_status": "" if status == 503 else f"limit_req_status {status};",
        "@rate": rate,
        "@port": str(port),
        "@upstream": str(upstream),
    }
    for word, value in words.items():
        text = text.replace(word, value)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")


def start(nginx: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start nginx with ``folder`` as its prefix, as a user without privileges."""
    command = [nginx, "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"]
    if os.geteuid() != 0:
        return subprocess.Popen(command)
    nobody = pwd.getpwnam(UNPRIVILEGED)
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return subprocess.Popen(command, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])


def listens(server: subprocess.Popen[bytes], folder: Path) -> bool:
    """
    Wait until nginx listens; return False if it has ended, as it does where its port was taken meanwhile.

    It writes its process id once its sockets are open: an answer on the port alone could be another program's.
    """
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if (folder / "nginx.pid").exists():
            return True
        try:
            server.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        return False
    return False


if __name__ == "__main__":
    sys.exit(main())
