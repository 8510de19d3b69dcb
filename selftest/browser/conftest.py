"""Headless Chromium, the pages of five runs, and a watch over each page that is opened: it complains of nothing and asks nobody."""

import functools
import os

import chromium
import comparison_pages
import pytest
import recorded_runs
import sample_runs

from closecheck.reports import html
from closecheck.session import record

AXE = recorded_runs.ROOT / "targets" / "node_modules" / "axe-core" / "axe.min.js"


@functools.cache
def run_of(name, folder):
    """Return a run by the name of its page; the reference is really recorded, in the folder."""
    if name == "reference":
        return record.read(recorded_runs.record(folder))
    return sample_runs.many(20_000) if name == "20000-exchanges" else sample_runs.SAMPLES[name]()


class Pages:
    """The pages of runs as files, each made when it is first asked for."""

    def __init__(self, folder):
        self._folder = folder

    def run(self, name):
        return run_of(name, self._folder / "recorded")

    def __getitem__(self, name):
        path = self._folder / f"{name}.html"
        if not path.exists():
            several = comparison_pages.PAGES.get(name)
            page = several() if several else html.render(self.run(name))
            path.write_text(page, encoding="utf-8", errors="replace")
        return path


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    return Pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def browser():
    with chromium.started() as browser:
        yield browser


@pytest.fixture
def opened(browser, pages):
    """Return a function that opens the page of a run; afterwards nothing may have been complained of or asked for."""
    contexts, complaints, asked = [], [], []

    def open_page(name, fragment="", **options):
        context = browser.new_context(**{"viewport": chromium.WIDE, **options})
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        address = pages[name].as_uri()
        context.on("request", lambda request: asked.append(request.url) if request.url.partition("#")[0] != address else None)
        page.goto(address + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert asked == []


@pytest.fixture(scope="session")
def axe():
    """Return the source of axe-core; skip, or fail under REQUIRE_ALL, where it has not been installed."""
    if not AXE.is_file():
        reason = "axe-core is not installed: targets/install brings it"
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(f"{reason}, and REQUIRE_ALL is set")
        pytest.skip(reason)
    return AXE.read_text(encoding="utf-8")
