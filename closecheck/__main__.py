"""The commands: ``closecheck run`` and those around a run. Each is a thin layer; what it does stands in the module it names."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from closecheck import __version__
from closecheck.model import Exit, RunFault
from closecheck.model.errors import ClosecheckError, NothingToJudge, UsageError, unforeseen
from closecheck.reports import output


class Group(click.Group):
    """Turns every error into one clear line and its exit code: the user's, the suite's, and what nobody foresaw."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run with the exit codes of the public interface, on streams that take whatever is written; never a traceback."""
        extra["standalone_mode"] = False
        # A pipeline that is cancelled asks politely, too, and is left a report and nothing of ours at the target.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with output.guarded():
            code = self._code(*args, **extra)
            if (lost := output.lost()) and code == Exit.CONFORMANT:
                code = _failed(f"the output could not be written ({lost})", Exit.USAGE)
        sys.exit(code)

    def _code(self, *args: Any, **extra: Any) -> int:
        """Run a command and return its exit code: click's own code for bad usage is ours for interrupted."""
        try:
            _current_folder()
            return int(super().main(*args, **extra) or 0)
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else Exit.CONFORMANT
        except click.ClickException as error:
            error.show()
            return Exit.USAGE
        except (click.Abort, KeyboardInterrupt):
            return _failed("interrupted", Exit.INTERRUPTED)
        except (UsageError, NothingToJudge, RunFault) as error:
            return _failed(str(error), Exit.USAGE)
        except ClosecheckError as error:
            return _failed(f"fault in the suite itself: {error}", Exit.SUITE_FAULT)
        except OSError as error:
            if error.filename is None:
                return _failed(unforeseen(error), Exit.SUITE_FAULT)
            return _failed(f"{error.filename}: {error.strerror or type(error).__name__}", Exit.USAGE)
        except Exception as error:  # noqa: BLE001 - the last resort: whatever was not foreseen is ours to mend
            return _failed(unforeseen(error), Exit.SUITE_FAULT)


def _failed(text: str, code: int) -> int:
    sys.stderr.write(f"closecheck: {text}\n")
    return code


def _current_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("the current folder", "does not exist any more", "Change to another one.") from None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="closecheck")
def main() -> None:
    """Does a deployed implementation of POST /access-requests/close keep its contract?"""


def run_options(command: Any) -> Any:
    """Add the options of a run to a command: the ones that pytest takes, from the same table."""
    from closecheck.config.options import OPTIONS  # noqa: PLC0415

    for option in reversed(OPTIONS):
        if option.flag:
            command = click.option(option.name, is_flag=True, default=None, help=option.help)(command)
        else:
            command = click.option(option.name, metavar=option.metavar, multiple=option.multiple, help=option.help)(command)
    return command


@main.command()
@run_options
def run(**options: Any) -> None:
    """Judge a target; without one, the embedded reference."""
    from closecheck.commands.run import judge  # noqa: PLC0415

    sys.exit(judge({name: value for name, value in options.items() if value not in (None, ())}))


@main.command()
@run_options
def doctor(**options: Any) -> None:
    """Check that a run can begin. Takes about a second: DNS name, TLS, base path, token, clock, rate headers."""
    from closecheck.commands.doctor import examine  # noqa: PLC0415

    sys.exit(examine({name: value for name, value in options.items() if value not in (None, ())}))


@main.command()
@run_options
def plan(**options: Any) -> None:
    """Print what a run would send, and send nothing. Also prints the worst that could happen."""
    from closecheck.commands.plan import plan_run  # noqa: PLC0415

    sys.exit(plan_run({name: value for name, value in options.items() if value not in (None, ())}))


@main.command(name="list")
@click.option("--area", default="", metavar="AREA", help="only the requirements of this area, such as ids")
@click.option("--level", type=click.Choice(["MUST", "SHOULD"], case_sensitive=False), help="only those of this level")
@click.option("--format", "kind", type=click.Choice(["text", "json"]), default="text", show_default=True, help="how to say it")
def list_requirements(area: str, level: str | None, kind: str) -> None:
    """List the requirements, one a line. As JSON: everything that is known about them."""
    from closecheck.commands.explain import as_json, listing, selected  # noqa: PLC0415
    from closecheck.model import Level  # noqa: PLC0415

    reported = selected(area, Level(level) if level else None)
    output.say(as_json(reported) if kind == "json" else "\n".join(listing(reported)))


@main.command()
@click.argument("requirement")
def explain(requirement: str) -> None:
    """Print one requirement in full. Statement, level, source, how it is tested, what usually goes wrong, which faults prove it."""
    from closecheck.commands.explain import explain as explaining  # noqa: PLC0415

    output.say(explaining(requirement))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="the address to listen on")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="the port; 0: a free one")
@click.option("--fault", metavar="NAME", help="serve this faulty target instead of the reference")
@click.option("--rate-limit", metavar="LIMIT", help='such as "100/10 seconds"')
@click.option("--database", default=":memory:", show_default=True, help="an SQLite file that keeps the access requests")
@click.option("--target-file", type=click.Path(path_type=Path), help="write a target file for the served target here")
def serve(host: str, port: int, fault: str | None, rate_limit: str | None, database: str, target_file: Path | None) -> None:
    """Serve the reference or a faulty target. For developing clients and tests."""
    from closecheck.commands.serve import serve as serving  # noqa: PLC0415

    serving(host=host, port=port, fault=fault, rate_limit=rate_limit, database=database, target_file=target_file)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("reports/latest"))
def report(folder: Path) -> None:
    """Render the reports of a run again. Every format, from run.jsonl alone."""
    from closecheck.commands.report import render_again  # noqa: PLC0415

    sys.exit(render_again(folder))


@main.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("case")
@click.option("--to", type=click.Path(path_type=Path), help="the file of declared cases (default: spec/cases/kept.yaml)")
def keep(run_folder: Path, case: str, to: Path | None) -> None:
    """Save a failing request as a declared case. Every later run sends it."""
    from closecheck.commands.keep import keep as keeping  # noqa: PLC0415

    output.say(keeping(run_folder, case, to))


def comparison_options(command: Any) -> Any:
    """Add the options of a comparison of runs: how to say it, and where."""
    from closecheck.config.options import FORMATS  # noqa: PLC0415

    command = click.option(
        "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="write to this file; its suffix names the format"
    )(command)
    return click.option("--format", "kind", type=click.Choice(FORMATS), help="how to say it (default: text)")(command)


@main.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@comparison_options
def diff(old: Path, new: Path, kind: str | None, output: Path | None) -> None:
    """
    Compare two runs: regressions, newly found, coverage lost, fixed, choices changed.

    Exit 1 only on a regression; 5 where none was seen, but a MUST that was tested is not any more.
    """
    from closecheck.commands.comparisons import show_difference  # noqa: PLC0415

    sys.exit(show_difference(old, new, kind=kind, output=output))


@main.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--differences", "only_differences", is_flag=True, help="show only what differs; the numbers stay those of the whole")
@comparison_options
def matrix(runs: tuple[Path, ...], only_differences: bool, kind: str | None, output: Path | None) -> None:
    """Compare runs of several targets. Requirements by targets, choices by targets. RUN is the folder of a run, or its run.jsonl."""
    from closecheck.commands.comparisons import show_matrix  # noqa: PLC0415

    sys.exit(show_matrix(runs, kind=kind, only_differences=only_differences, output=output))


@main.command()
@click.argument("openapi", type=click.Path(path_type=Path))
@click.option(
    "--path", default="", metavar="PATH", help="the operation's path as the document writes it, where it is not found or not the only one"
)
@click.option("--format", "kind", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True, help="how to say it")
def compare(openapi: Path, path: str, kind: str) -> None:
    """Compare an OpenAPI file with the contract. OpenAPI 3.x or Swagger 2.0; needs no server; shows what is looser, stricter, missing."""
    from closecheck.openapi.comparing import compare as comparing  # noqa: PLC0415
    from closecheck.openapi.rendering import show  # noqa: PLC0415

    reported = comparing(openapi, path)
    show(reported, kind)
    sys.exit(reported.exit_code)


@main.command()
@click.argument("kind")
def forge(kind: str) -> None:
    """Print an invalid token for a curl line. It is made from the token in CLOSECHECK_TOKEN, as the report says."""
    from closecheck.http.callers import forge as forged  # noqa: PLC0415
    from closecheck.model.errors import Untested  # noqa: PLC0415

    token = os.environ.get("CLOSECHECK_TOKEN", "")
    if not token:
        raise UsageError("CLOSECHECK_TOKEN", "is not set", "put the working token into it")
    try:
        # Bytes, as they stand in the field: not every forged token is text in the encoding of this terminal.
        click.echo(forged(kind, token).partition(" ")[2].encode("latin-1"))
    except (ValueError, Untested) as error:
        raise UsageError("closecheck forge", str(error)) from error


@main.command()
@click.option("--profile", default="quick", show_default=True, help="the profile of each run")
@click.option("--only", metavar="PATTERN", multiple=True, help="names of faults and variants")
@click.option("--jobs", default=2, show_default=True, help="targets judged at the same time")
@click.option("--seeds", default=1, show_default=True, help="runs against each variant, each with another seed")
@click.option("--sample", type=click.IntRange(min=1), help="judge only so many of them, spread over all")
@click.option("--write", type=click.Path(path_type=Path), help="write the kill matrix here")
@click.option("--order", is_flag=True, help="find anew which cases show most, and write that to spec/order.json")
def prove(profile: str, only: tuple[str, ...], jobs: int, seeds: int, sample: int | None, write: Path | None, *, order: bool) -> None:
    """Test the suite itself. Runs it against every faulty and every lawful server, and prints the kill matrix."""
    from closecheck.commands.prove import prove as proving  # noqa: PLC0415

    sys.exit(proving(profile=profile, only=only, jobs=jobs, seeds=seeds, sample=sample, write=write, order=order))


if __name__ == "__main__":
    main()
