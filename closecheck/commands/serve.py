"""``closecheck serve``: the reference target, or a faulty one, for whoever develops clients or suites."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import yaml

from closecheck.config.checked_values import nearest
from closecheck.model.errors import UsageError
from closecheck.reference import ReferenceConfig, ReferenceServer, serve_forever
from closecheck.reports.output import say


def serve(*, host: str, port: int, fault: str | None, rate_limit: str | None, database: str, target_file: Path | None) -> None:
    """
    Serve until interrupted; say where, and with which tokens.

    Raises:
        UsageError: there is no such fault, the port is taken, or the database cannot be opened.

    """
    modify = None
    config = ReferenceConfig(host=host, port=port, rate_limit=rate_limit, database=database)
    if fault is not None:
        from closecheck.deviations.faults import faults  # noqa: PLC0415

        found = {one.name: one for one in faults()}.get(fault)
        if found is None:
            raise UsageError("--fault", f"there is no fault called {fault}", nearest(fault, [one.name for one in faults()]))
        modify = found.modify
        config = found.configured(host=host, port=port, database=database)
        say(f"fault {found.name}: {found.sentence} (breaks {', '.join(found.breaks)})")

    def ready(server: ReferenceServer) -> None:
        say(f"serving {server.base_url}/access-requests/close  (Ctrl-C ends it)")
        if target_file is not None:
            target_file.write_text(yaml.safe_dump(server.target(), sort_keys=False), encoding="utf-8")
            target_file.chmod(0o600)  # it holds tokens
            say(f"target file: {target_file}")
        else:
            say("a token:  curl -X POST " + server.root_url + "/oauth/token -d grant_type=client_credentials \\")
            client = config.administrator
            say(f"            -d client_id={client.client_id} -d client_secret={client.client_secret}")

    try:
        serve_forever(config, modify, ready)
    except sqlite3.Error as error:
        raise UsageError(f"--database {database}", str(error), "name a file that can be written, or :memory:") from error
    except OSError as error:
        raise UsageError(f"--host {host} --port {port}", error.strerror or str(error), "choose another port, or 0") from error
