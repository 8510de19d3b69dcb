"""
The only module that speaks SQL to the database; what it hands out are values, never rows.
"""

from __future__ import annotations

import functools
import json
import random
import secrets
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from closecheck.reference.model import EXECUTING, PENDING, AccessRequest, Audit, Closing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from closecheck.reference.query import Selection

IN_MEMORY = ":memory:"
SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL DEFAULT 'ACCESS_PROFILE',
    item_id TEXT NOT NULL DEFAULT '2c9180835d2e5168015d32f890ca1581',
    item_name TEXT NOT NULL DEFAULT 'Engineering Access',
    requester_id TEXT NOT NULL DEFAULT '2c9180835d191a86015d28455b4b232a',
    requester_name TEXT NOT NULL DEFAULT 'William Wilson',
    recipient_id TEXT NOT NULL DEFAULT '2c918087682f9a86016839c05e8f1aff',
    recipient_name TEXT NOT NULL DEFAULT 'Robert Robinson',
    comment TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL,
    modified TEXT NOT NULL,
    completed TEXT,
    approval TEXT NOT NULL DEFAULT 'PENDING',
    stage TEXT NOT NULL DEFAULT 'Executing',
    status TEXT NOT NULL DEFAULT 'Pending',
    warnings TEXT NOT NULL DEFAULT '[]',
    errors TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS pending ON requests (item_id, recipient_id) WHERE status = 'Pending';
CREATE TABLE IF NOT EXISTS audits (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    action TEXT NOT NULL,
    operation TEXT NOT NULL,
    status TEXT NOT NULL,
    created TEXT NOT NULL,
    actor TEXT NOT NULL,
    tracking_number TEXT NOT NULL,
    attributes TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audited ON audits (created);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """
    What is known of an access request when it is made.
    """

    kind: str
    item_id: str
    item_name: str
    requester_id: str
    requester_name: str
    recipient_id: str
    recipient_name: str
    comment: str = ""


class Store:
    """
    Access requests and audits in SQLite. Used by the thread that serves; its changes are atomic.
    """

    def __init__(self, path: str = IN_MEMORY) -> None:
        """
        Raises:
            sqlite3.Error: the file cannot be opened or is no database.
        """
        self.path = path
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        if path != IN_MEMORY:
            self.database.execute("PRAGMA journal_mode = WAL")
            self.database.execute("PRAGMA synchronous = NORMAL")
        self.database.executescript(SCHEMA)

    def close(self) -> None:
        """
        Lets go of the database.
        """
        self.database.close()

    def now(self) -> str:
        """
        The time as the API writes it: UTC, milliseconds.
        """
        return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"

    def seed(self, *, pending: int, approved: int, completed: int, seed: int) -> None:
        """
        Fills an empty store: the same seed makes the same ids.
        """
        if self.database.execute("SELECT EXISTS (SELECT 1 FROM requests)").fetchone()[0]:
            return
        if self.path == IN_MEMORY:
            # Hundreds of servers are started in one process: copying a filled database is 20 times as quick.
            self.database.deserialize(_filled(pending, approved, completed, seed))
        else:
            self.fill(pending, approved, completed, seed)

    def fill(self, pending: int, approved: int, completed: int, seed: int) -> None:
        """
        Inserts the access requests of `seed`.
        """
        # A text as seed: a caller who draws unknown ids from random.Random(0) must not meet ours.
        draw = random.Random(f"closecheck reference {seed}")  # noqa: S311 - ids, not secrets
        now = self.now()
        stages: list[tuple[str, str, str, str | None]] = [("PENDING", EXECUTING, PENDING, None)] * pending
        stages += [("FINISHED", EXECUTING, PENDING, None)] * approved
        stages += [("FINISHED", "Completed", "Success", now)] * completed
        with self.transaction():
            self.database.executemany(
                "INSERT INTO requests (id, created, modified, approval, stage, status, completed) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(f"{draw.getrandbits(128):032x}", now, now, *stage) for stage in stages],
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """
        Everything inside happens, or nothing.
        """
        self.database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")

    def ids(self, *, approval: str, pending: bool) -> list[str]:
        """
        The ids at one point of the lifecycle, oldest first.
        """
        comparison = "=" if pending else "<>"
        rows = self.database.execute(
            f"SELECT id FROM requests WHERE approval = ? AND status {comparison} ? ORDER BY number",  # noqa: S608
            (approval, PENDING),
        )
        return [row[0] for row in rows]

    def add(self, new: NewRequest) -> AccessRequest:
        """
        Stores a new access request, pending its approval.
        """
        identifier, now = secrets.token_hex(16), self.now()
        self.database.execute(
            "INSERT INTO requests (id, kind, item_id, item_name, requester_id, requester_name, recipient_id,"
            " recipient_name, comment, created, modified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                identifier,
                new.kind,
                new.item_id,
                new.item_name,
                new.requester_id,
                new.requester_name,
                new.recipient_id,
                new.recipient_name,
                new.comment,
                now,
                now,
            ),
        )
        added = self.get(identifier)
        assert added is not None
        return added

    def get(self, identifier: str) -> AccessRequest | None:
        """
        The access request with this id, if there is one.
        """
        row = self.database.execute("SELECT * FROM requests WHERE id = ?", (identifier,)).fetchone()
        return None if row is None else _access_request(row)

    def find_pending(self, item_id: str, recipient_id: str) -> AccessRequest | None:
        """
        The pending access request of this identity for this item, if there is one.
        """
        row = self.database.execute(
            "SELECT * FROM requests WHERE status = 'Pending' AND item_id = ? AND recipient_id = ? LIMIT 1",
            (item_id, recipient_id),
        ).fetchone()
        return None if row is None else _access_request(row)

    def approve(self, identifier: str) -> None:
        """
        Moves a pending access request past its approval: it stays pending.
        """
        self.database.execute(
            "UPDATE requests SET approval = 'FINISHED', modified = ? WHERE id = ? AND status = 'Pending'",
            (self.now(), identifier),
        )

    def provision(self, identifier: str) -> None:
        """
        Completes an approved access request in the ordinary way.
        """
        now = self.now()
        self.database.execute(
            "UPDATE requests SET stage = 'Completed', status = 'Success', modified = ?, completed = ?"
            " WHERE id = ? AND status = 'Pending' AND approval = 'FINISHED'",
            (now, now, identifier),
        )

    def cancel(self, identifier: str, comment: str) -> bool:
        """
        Cancels an access request whose approval is not over; False: it is not in that state.
        """
        now = self.now()
        changed = self.database.execute(
            "UPDATE requests SET approval = 'CANCELED', stage = 'Terminated', status = 'Failure', comment = ?,"
            " modified = ?, completed = ? WHERE id = ? AND status = 'Pending' AND approval = 'PENDING'",
            (comment, now, now, identifier),
        )
        return changed.rowcount == 1

    def close_requests(self, closing: Closing) -> tuple[list[AccessRequest], list[str]]:
        """
        Closes what is pending among the ids, all at once.

        Returns:
            The closed requests, and the ids that finished in error: unknown ones and those that were over already.
        """
        closed: list[AccessRequest] = []
        failed: list[str] = []
        now = self.now()
        with self.transaction():
            for identifier in closing.ids:
                request = self.close_request(identifier, closing, now)
                if request is None:
                    failed.append(identifier)
                else:
                    closed.append(request)
        return closed, failed

    def close_request(self, identifier: str, closing: Closing, now: str) -> AccessRequest | None:
        """
        Closes one pending request, whether approved or not; None: there is none with this id.
        """
        row = self.database.execute(
            "UPDATE requests SET stage = ?, status = ?, warnings = ?, modified = ?, completed = ?"
            " WHERE id = ? AND status = 'Pending' RETURNING *",
            (
                closing.execution_status,
                closing.completion_status,
                _warnings(closing.message),
                now,
                now,
                identifier,
            ),
        ).fetchone()
        return None if row is None else _access_request(row)

    def add_audit(
        self,
        *,
        name: str,
        action: str,
        operation: str,
        status: str,
        actor: str,
        tracking_number: str,
        attributes: Mapping[str, object],
    ) -> None:
        """
        Writes one audit event, dated now.
        """
        self.database.execute(
            "INSERT INTO audits (id, name, action, operation, status, created, actor, tracking_number, attributes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                secrets.token_hex(32),
                name,
                action,
                operation,
                status,
                self.now(),
                actor,
                tracking_number,
                json.dumps(attributes, ensure_ascii=False),
            ),
        )

    def requests(self, selection: Selection, limit: int, offset: int) -> list[AccessRequest]:
        """
        One page of the access requests that are selected.
        """
        return [_access_request(row) for row in self._page("requests", selection, limit, offset)]

    def audits(self, selection: Selection, limit: int, offset: int) -> list[Audit]:
        """
        One page of the audits that are selected.
        """
        return [_audit(row) for row in self._page("audits", selection, limit, offset)]

    def count(self, table: str, selection: Selection) -> int:
        """
        How many are selected in ``requests`` or ``audits``.
        """
        sql = f"SELECT COUNT(*) FROM {table} WHERE {selection.condition.sql}"  # noqa: S608 - our own words, see query
        return int(self.database.execute(sql, selection.condition.parameters).fetchone()[0])

    def _page(self, table: str, selection: Selection, limit: int, offset: int) -> Sequence[Sequence[Any]]:
        sql = (
            f"SELECT * FROM {table} WHERE {selection.condition.sql}"  # noqa: S608 - as above
            f" ORDER BY {selection.order} LIMIT ? OFFSET ?"
        )
        return self.database.execute(sql, (*selection.condition.parameters, limit, offset)).fetchall()


@functools.lru_cache(maxsize=8)
def _filled(pending: int, approved: int, completed: int, seed: int) -> bytes:
    """
    A database with these access requests, as bytes; they were created when this process first needed them.
    """
    store = Store()
    store.fill(pending, approved, completed, seed)
    image = store.database.serialize()
    store.close()
    return image


@functools.lru_cache(maxsize=8)  # up to 500 requests are closed with the same
def _warnings(message: str) -> str:
    return json.dumps([message], ensure_ascii=False)


AUDIT_COLUMNS = tuple(field.name for field in fields(Audit))


def _access_request(row: Sequence[Any]) -> AccessRequest:
    values = (*row[:-2], _texts(row[-2]), _texts(row[-1]))
    return AccessRequest(*values)


def _texts(column: str) -> tuple[str, ...]:
    return msgspec.json.decode(column, type=tuple[str, ...])


def _audit(row: Sequence[Any]) -> Audit:
    values = dict(zip(AUDIT_COLUMNS, row, strict=True))
    return Audit(**{**values, "attributes": json.loads(values["attributes"])})
