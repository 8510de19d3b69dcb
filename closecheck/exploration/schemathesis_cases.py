"""
What a deep exploration borrows: Schemathesis' bodies for the operation, and Hypothesis' databases of examples.

Both libraries work on the contract alone. They send nothing and judge nothing, and their complaints about themselves are
:class:`~closecheck.model.errors.GeneratorTrouble`, never a finding.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import HypothesisException

from closecheck.contract.specification import OPERATION, spec_folder
from closecheck.model.errors import GeneratorTrouble, UsageError

if TYPE_CHECKING:
    from hypothesis.database import ExampleDatabase

FUZZED: Final = 150
"""Bodies that are asked of Schemathesis' strategies; each costs as much as a hundred of ours."""
_KEY: Final = b"closecheck/witnesses"


@contextlib.contextmanager
def _homed() -> Iterator[None]:
    """Let Hypothesis keep what it learns of the code in a folder that is thrown away, not in the caller's."""
    with tempfile.TemporaryDirectory(prefix="closecheck-") as folder:
        set_hypothesis_home_dir(Path(folder))
        _furnish(Path(folder))
        try:
            yield
        except HypothesisException as error:
            raise GeneratorTrouble(f"{type(error).__name__}: {error}") from error
        finally:
            set_hypothesis_home_dir(None)


def _furnish(home: Path) -> None:
    """
    Put into an empty home what Hypothesis would find out there first: which characters UTF-8 has room for.

    It tries them one by one, which takes more than a second and 200 MB. Should it look for them elsewhere some day, it tries again.
    """
    file = home / "unicode_data" / unicodedata.unidata_version / "codec-v2-utf-8.json.gz"
    file.parent.mkdir(parents=True)
    encodable, changed = [(0, 0xD7FF), (0xE000, 0x10FFFF)], ()
    file.write_bytes(gzip.compress(msgspec.json.encode((encodable, changed))))


def _quiet(examples: int) -> settings:
    """Return settings under which Hypothesis neither hurries, nor complains, nor shrinks, nor remembers."""
    return settings(
        max_examples=examples,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


def _operation() -> Any:
    import schemathesis  # noqa: PLC0415 - half a second, for those who dig
    from schemathesis.config import SchemathesisConfig  # noqa: PLC0415

    # Without one of ours it takes a schemathesis.toml of the caller's folder or of one above.
    return schemathesis.openapi.from_path(spec_folder() / "openapi.yaml", config=SchemathesisConfig())[OPERATION]["POST"]


def _body(case: Any) -> bytes | None:
    """Return the bytes of a case's body; None if it is another method, another media type, or no body."""
    if case.method.upper() != "POST" or (case.media_type or "application/json") != "application/json":
        return None
    if isinstance(case.body, bytes):
        return case.body
    try:
        return msgspec.json.encode(case.body)
    except (TypeError, ValueError, RecursionError):
        return None  # no body, or one that cannot be written


def covering() -> list[bytes]:
    """
    Return the bodies of Schemathesis' coverage of the operation: every constraint of the document, at and beyond its bounds.

    Raises:
        GeneratorTrouble: Schemathesis gave up.

    """
    with _homed(), _schemathesis():
        from schemathesis.config import GenerationConfig  # noqa: PLC0415
        from schemathesis.generation.modes import GenerationMode  # noqa: PLC0415

        operation = _operation()
        cases = operation.schema.iter_coverage_cases(operation, generation_modes=list(GenerationMode), generation_config=GenerationConfig())
        return [body for case in cases if (body := _body(case)) is not None]


def fuzzed(seed: int, most: int = FUZZED) -> list[bytes]:
    """
    Return bodies that Schemathesis draws for the operation, as many valid as invalid ones.

    Raises:
        GeneratorTrouble: Schemathesis or Hypothesis gave up.

    """
    found: list[bytes] = []
    with _homed(), _schemathesis():
        from schemathesis.generation.modes import GenerationMode  # noqa: PLC0415

        operation = _operation()
        for mode in GenerationMode:

            @seeded(seed)
            @_quiet(most // 2)
            @given(operation.as_strategy(generation_mode=mode))
            def drawn(case: Any) -> None:
                if (body := _body(case)) is not None:
                    found.append(body)

            drawn()
    return found


@contextlib.contextmanager
def _schemathesis() -> Iterator[None]:
    try:
        yield
    except HypothesisException:
        raise
    except Exception as error:  # whatever a library's inner parts raise, it is no finding
        raise GeneratorTrouble(f"{type(error).__name__}: {error}") from error


class _Drawn(msgspec.Struct):
    """What the process of :class:`SchemathesisProcess` says: bodies, or what kept it from making any."""

    bodies: list[bytes] = []
    trouble: str = ""


class SchemathesisProcess:
    """
    The bodies of other generators, made in a process of its own: they take seconds of thought, and much memory.

    Leaving it ends the process, whatever it has done.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __enter__(self) -> Self:
        program = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from closecheck.exploration.schemathesis_cases import draw; draw(int(sys.argv[2]))"
        # A session of its own: Ctrl-C is for the run, which ends this process itself.
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and this package
            [sys.executable, "-c", program, json.dumps(sys.path), str(self._seed)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def bodies(self, seconds: float) -> list[bytes]:
        """
        Return the bodies, waiting for them so many seconds at most.

        Raises:
            GeneratorTrouble: there are none.

        """
        try:
            written, _ = self._process.communicate(timeout=max(seconds, 0.0))
            drawn = msgspec.msgpack.decode(written, type=_Drawn)
        except subprocess.TimeoutExpired:
            raise GeneratorTrouble("Schemathesis took too long") from None
        except msgspec.DecodeError:
            raise GeneratorTrouble(f"Schemathesis' process ended with {self._process.returncode}") from None
        if drawn.trouble:
            raise GeneratorTrouble(drawn.trouble)
        return drawn.bodies


def draw(seed: int) -> None:
    """Write the bodies that :class:`SchemathesisProcess` waits for to standard output."""
    try:
        drawn = _Drawn([*covering(), *fuzzed(seed)])
    except GeneratorTrouble as trouble:
        drawn = _Drawn(trouble=str(trouble))
    sys.stdout.buffer.write(msgspec.msgpack.encode(drawn))


class Examples:
    """
    Where witnesses are kept beyond a run: a folder, a Redis server, or the artifacts of a GitHub repository.

    Artifacts can only be read; what is found beside them is kept in the default folder, for the next artifact.
    Witnesses are bodies, without headers and without tokens.

    Raises:
        UsageError: the place is none of these, or its library is not installed.

    """

    def __init__(self, place: str) -> None:
        self._database = _database(place)

    def save(self, body: bytes) -> None:
        """Keep the body of a witness."""
        self._database.save(_KEY, body)

    def bodies(self) -> list[bytes]:
        """Return every body that was kept, in an order that does not depend on the place."""
        return sorted(self._database.fetch(_KEY), key=lambda body: (len(body), hashlib.sha256(body).digest()))


def _database(place: str) -> ExampleDatabase:
    from hypothesis.database import (  # noqa: PLC0415 - some of them are slow to import
        DirectoryBasedExampleDatabase,
        GitHubArtifactDatabase,
        MultiplexedDatabase,
        ReadOnlyDatabase,
    )

    scheme, _, rest = place.partition("://")
    if not rest:
        return DirectoryBasedExampleDatabase(place)
    if scheme == "github":
        owner, _, repository = rest.strip("/").partition("/")
        if not owner or not repository or "/" in repository:
            raise UsageError("examples", f"{place} names no repository", "Write github://owner/repository.")
        artifacts = GitHubArtifactDatabase(owner, repository, path=Path(".closecheck") / "artifacts")
        return MultiplexedDatabase(DirectoryBasedExampleDatabase(".closecheck/examples"), ReadOnlyDatabase(artifacts))
    if scheme in {"redis", "rediss"}:
        try:
            import redis  # noqa: PLC0415
            from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415
        except ImportError:
            raise UsageError("examples", "the library redis is not installed", "Install it beside closecheck: pip install redis.") from None
        return RedisExampleDatabase(redis.Redis.from_url(place))
    raise UsageError("examples", f"{scheme}:// is no place for examples", "Give a folder, redis://… or github://owner/repository.")
