"""
The embedded reference: a conforming ``POST /access-requests/close`` on a real server, written from the vendor's page.

It imports nothing else of closecheck: a mistake of the suite cannot be repeated here through shared code. Every
decision hangs on a `Reference` as an attribute or a small method, so that a fault or a variant is one short function;
the seams are listed in README.md beside this file::

    def accepts_501(reference: Reference) -> None:
        reference.rules.max_ids = 501


    with ReferenceServer(ReferenceConfig(), modify=accepts_501) as server:
        ...  # judge server.target()
"""

from closecheck.reference.app import Reference
from closecheck.reference.config import Client, ReferenceConfig
from closecheck.reference.server import ReferenceServer, serve_forever
from closecheck.reference.wire import Answer, End

__all__ = ["Answer", "Client", "End", "Reference", "ReferenceConfig", "ReferenceServer", "serve_forever"]
