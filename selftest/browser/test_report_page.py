"""The page of a run in a real browser: readable by everybody, usable by hand and by keyboard, and never the target's to command."""

import accessibility
import pytest
from chromium import NARROW

from closecheck.model import Level, Status
from closecheck.reports._facts import facts, line

pytestmark = pytest.mark.needs("chromium")
NAMES = ["reference", "findings", "hostile", "interrupted", "20000-exchanges"]
every_page = pytest.mark.parametrize("name", NAMES)
OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true })"
VISIBLE_ROWS = "[...document.querySelectorAll('details.row')].filter(one => one.checkVisibility()).map(one => one.id)"
FOCUSED = """
    () => {
        const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
        return {
            what: one.id || one.textContent.trim().slice(0, 40),
            seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
            ringed: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
            order: [...document.querySelectorAll('*')].indexOf(one),
        };
    }
"""


# --------------------------------------------------------------------------------------------------------- every reader


@every_page
def test_the_verdict_is_the_runs_own(opened, pages, name):
    """The heading and the title are made from results; whatever a target writes, there is one heading, and it stands on top."""
    run = pages.run(name)

    page = opened(name)

    assert page.locator("h1").count() == 1
    assert page.locator("h1").text_content() == line(run.headline, 1000)
    assert page.title().startswith(
        {"conformant": "conformant", "non-conformant": "not conformant", "incomplete": "incomplete"}[run.verdict]
    )
    assert page.locator("h1").bounding_box()["y"] < 200
    assert page.locator(".verdict").count() == page.locator(f".verdict.{run.verdict}").count() == 1


@pytest.mark.parametrize(("name", "scheme"), [*((name, "light") for name in NAMES), ("findings", "dark"), ("reference", "dark")])
def test_axe_finds_nothing(opened, axe, name, scheme):
    page = opened(name, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details.row[open], details.row:nth-of-type(3n)').forEach(one => { one.open = true })")

    assert accessibility.faults(page, axe) == []


@pytest.mark.parametrize(
    "paler",
    [
        "document.querySelectorAll('.chart text').forEach(one => { one.style.fill = '#999' })",
        "document.querySelectorAll('.diff .old > span').forEach(one => { one.style.color = '#d88' })",
        "document.querySelectorAll('.chart').forEach(one => { one.style.background = 'linear-gradient(red, blue)' })",
    ],
)
def test_a_contrast_that_axe_leaves_open_is_judged(opened, axe, paler):
    page = opened("findings")
    page.evaluate(paler)

    told = accessibility.faults(page, axe)

    assert told
    assert [one for one in told if not one.startswith("color-contrast: ")] == []


@every_page
def test_a_narrow_window_scrolls_in_one_direction(opened, name):
    page = opened(name, viewport=NARROW)

    for state in ("as it opens", "all opened"):
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], state
        page.evaluate(OPEN_ALL)


def test_darkness_is_dark(opened):
    shades = {}
    for scheme in ("light", "dark"):
        page = opened("findings", color_scheme=scheme)
        shades[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")

    assert min(shades["light"]) > 240
    assert max(shades["dark"]) < 40


def test_print_has_all_that_was_found_and_no_controls(opened, pages):
    page = opened("findings")
    page.emulate_media(media="print")

    found = "details:not(.row) > :not(summary), details.row:has(.diff) > :not(summary)"
    hidden = page.evaluate(f"[...document.querySelectorAll('{found}')].filter(one => !one.checkVisibility()).length")
    controls = page.evaluate(
        "[...document.querySelectorAll('button, input, select, nav, .skip')].filter(one => one.checkVisibility()).length"
    )

    assert page.locator(found).count() > 30
    assert len(page.evaluate(VISIBLE_ROWS)) == len(pages.run("findings").results)
    assert (hidden, controls) == (0, 0)


def test_without_scripts_everything_is_there(opened, pages):
    run = pages.run("findings")
    page = opened("findings", java_script_enabled=False)

    assert page.locator("[data-script]:visible").count() == 0
    assert page.locator("details.row:visible").count() == len(run.results)
    assert page.locator("article.requirement:visible").count() == len(run.with_status(Status.FAIL, Status.WARNING))
    row = page.locator("#CAR-IDS-MAX")
    row.locator("summary").first.click()
    assert row.locator("dl").first.is_visible()


# --------------------------------------------------------------------------------------------------------------- filters


@pytest.fixture
def filtered(opened, pages):
    """Return the page with thirty findings, and a function that holds what it shows against a rule on results."""
    page, run = opened("findings"), pages.run("findings")

    def shows(rule):
        expected = [result.requirement.id for result in run.results if rule(result)]
        assert page.evaluate(VISIBLE_ROWS) == expected
        assert page.locator("#filter-shown").inner_text() == f"{len(expected)} of {len(run.results)} shown"
        empty = page.evaluate(
            "[...document.querySelectorAll('section.area')].filter(one => one.checkVisibility() && !one.querySelector('details.row:not([hidden])')).length"
        )
        assert empty == 0

    return page, shows


@pytest.mark.parametrize("level", Level)
def test_a_level_is_filtered(filtered, level):
    page, shows = filtered

    page.locator("#filter-level").select_option(level.value)

    shows(lambda result: result.requirement.level is level)


@pytest.mark.parametrize("status", Status)
def test_a_result_is_filtered(filtered, status):
    page, shows = filtered

    page.locator("#filter-result").select_option(status.value)

    shows(lambda result: result.status is status)


def test_text_is_filtered(filtered):
    page, shows = filtered

    page.locator("#filter-text").fill("car-auth-")

    shows(lambda result: result.requirement.id.startswith("CAR-AUTH-"))


def test_filters_are_combined_and_taken_back(filtered):
    page, shows = filtered

    page.locator("#filter-text").fill("car-ids-")
    page.locator("#filter-level").select_option("MUST")
    page.locator("#filter-result").select_option("fail")
    shows(lambda one: one.requirement.id.startswith("CAR-IDS-") and one.requirement.level is Level.MUST and one.status is Status.FAIL)

    page.locator("#filter-text").fill("there is no such text")
    shows(lambda _: False)

    page.locator("#filter-reset").click()
    shows(lambda _: True)
    assert page.evaluate("document.activeElement.id") == "filter-text"


def test_a_count_on_top_shows_what_it_counts(filtered):
    page, shows = filtered

    page.locator("a[data-result=untested]").click()

    shows(lambda result: result.status is Status.UNTESTED)


def test_all_that_is_shown_can_be_opened_at_once(filtered):
    page, _ = filtered
    page.locator("#filter-result").select_option("untested")

    page.locator("#open-all").click()

    assert page.evaluate("document.querySelectorAll('details.row[open]').length") == page.evaluate(f"{VISIBLE_ROWS}.length")
    assert page.locator("#open-all").get_attribute("aria-pressed") == "true"


# ----------------------------------------------------------------------------------------------------------------- links


@pytest.mark.parametrize("requirement", ["CAR-IDS-MAX", "CAR-LIFE-EVENT-ONCE"])
def test_a_link_to_a_requirement_opens_its_row(opened, requirement):
    page = opened("findings", f"#{requirement}")

    row = page.locator(f"#{requirement}")

    assert row.get_attribute("open") is not None
    assert 0 <= row.bounding_box()["y"] < 900


def test_a_link_within_the_page_opens_a_row_that_was_filtered_away(opened):
    page = opened("findings")
    page.locator("#filter-result").select_option("pass")

    page.evaluate("location.hash = '#CAR-IDS-MAX'")

    page.locator("#CAR-IDS-MAX[open]").wait_for()
    assert page.locator("#filter-result").input_value() == ""


def test_every_link_within_the_page_leads_somewhere(opened):
    page = opened("findings")

    lost = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].filter(one => !document.getElementById(one.hash.slice(1))).length"
    )

    assert lost == 0


def test_a_link_to_what_is_not_there_changes_nothing(opened):
    page = opened("findings", "#%E0%A4%A")

    assert page.evaluate("document.querySelectorAll('details.row[open]').length") == 0


# ------------------------------------------------------------------------------------------------------------------ copy


@pytest.mark.parametrize("clipboard", ["there", "missing"])
def test_copy_takes_exactly_the_curl_line(opened, pages, clipboard):
    """A body of 501 ids makes the longest line; an old browser has no clipboard to write to, only a selection to copy."""
    run = pages.run("findings")
    result = next(one for one in run.results if one.requirement.id == "CAR-IDS-MAX")
    page = opened("findings", permissions=["clipboard-read", "clipboard-write"])
    if clipboard == "missing":
        page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")

    button = page.locator("#f-CAR-IDS-MAX-1-curl + button")
    button.click()

    page.locator("#f-CAR-IDS-MAX-1-curl + button", has_text="Copied").wait_for()
    assert page.locator("#said").inner_text() == "Copied to the clipboard"
    reader = opened("findings", permissions=["clipboard-read", "clipboard-write"])
    assert reader.evaluate("navigator.clipboard.readText()") == facts(run, result, result.findings[0]).curl


# -------------------------------------------------------------------------------------------------------------- keyboard


def test_the_first_key_offers_a_way_past_the_top(opened):
    page = opened("findings")

    page.keyboard.press("Tab")
    first = page.evaluate(FOCUSED)
    page.keyboard.press("Enter")

    assert first["what"] == "Skip to the findings"
    assert first["seen"]
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_focus_goes_down_the_page_and_is_seen(opened):
    page = opened("findings")
    focused = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focused.append(page.evaluate(FOCUSED))

    assert [one["what"] for one in focused if not one["seen"]] == []
    assert [one["what"] for one in focused if not one["ringed"]] == []
    assert [one["order"] for one in focused] == sorted({one["order"] for one in focused})


def test_the_catalogue_is_used_without_a_mouse(opened, pages):
    run = pages.run("findings")
    page = opened("findings")

    page.locator("#filter-text").focus()
    page.keyboard.type("car-ids-max-e")
    rows = page.evaluate(VISIBLE_ROWS)
    for _ in range(5):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert rows == [one.requirement.id for one in run.results if one.requirement.id.startswith("CAR-IDS-MAX-E")]
    assert page.locator(f"#{rows[0]}").get_attribute("open") is not None


# -------------------------------------------------------------------------------------------------- hostile and endless


def test_nothing_that_a_target_sends_becomes_part_of_the_page(opened, pages):
    """Markup of the target is text: the page has the elements of a harmless run, one style and one script, and no handler."""
    elements = "[...new Set([...document.querySelectorAll('*')].map(one => one.tagName))].sort()"
    harmless = opened("findings").evaluate(elements)
    page = opened("hostile")
    page.evaluate(OPEN_ALL)

    assert set(page.evaluate(elements)) <= set(harmless)
    assert page.locator("script").count() == page.locator("style").count() == 1
    handlers = "[...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames()).filter(name => name.startsWith('on') || name === 'style')"
    assert page.evaluate(handlers) == []
    assert page.evaluate("[...document.querySelectorAll('a')].map(one => one.protocol)").count("javascript:") == 0
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).display") != "none"


def test_a_forged_verdict_is_read_as_what_the_target_said(opened):
    """What looks like a verdict stands in a quotation: isolated text or code, never in a heading or beside the verdict."""
    page = opened("hostile")
    page.evaluate(OPEN_ALL)

    found = page.evaluate("""
        (() => {
            const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
            for (let text; (text = texts.nextNode());) {
                if (text.data.toLowerCase().includes('conformant: 99 of 99')) {
                    const around = text.parentElement;
                    found.push([around.outerHTML.slice(0, 200), Boolean(around.closest('bdi, pre')) && !around.closest('h1, h2, h3, .verdict')]);
                }
            }
            return found;
        })()
    """)

    assert len(found) > 10
    assert [around for around, quoted in found if not quoted] == []


def test_what_is_endless_stays_inside_its_box(opened):
    page = opened("hostile")
    page.evaluate(OPEN_ALL)

    outside = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(one => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('thead, pre.tall')).length"
    )

    assert outside == 0


def test_a_long_run_is_a_small_page(pages):
    assert pages.run("20000-exchanges").requests > 20_000
    assert pages["20000-exchanges"].stat().st_size < 5_000_000
