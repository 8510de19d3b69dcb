"""The pages of a matrix and of a difference in a real browser: readable by everybody, without a script, at any width."""

import accessibility
import chromium
import comparison_pages
import pytest

from closecheck.reports._facts import line

pytestmark = pytest.mark.needs("chromium")
every_page = pytest.mark.parametrize("name", comparison_pages.PAGES)
ROWS = "[...document.querySelectorAll('.grid tbody tr:not(.area)')].filter(one => one.checkVisibility()).length"
FIRST_COLUMN = "document.querySelector('.grid tbody th[scope=row]').getBoundingClientRect().left"


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, axe, name, scheme):
    page = opened(name, color_scheme=scheme)

    assert accessibility.faults(page, axe) == []


def test_a_header_that_axe_leaves_open_is_judged(opened, axe):
    page = opened("matrix")
    page.evaluate("document.querySelectorAll('tbody:first-of-type td').forEach(one => one.remove())")

    assert "th-has-data-cells" in {one.partition(":")[0] for one in accessibility.faults(page, axe)}


@every_page
def test_a_narrow_window_scrolls_in_one_direction(opened, name):
    page = opened(name, viewport=chromium.NARROW)

    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]


@pytest.mark.parametrize("name", ["matrix", "matrix-of-seven"])
def test_the_first_column_stays_when_a_table_scrolls(opened, name):
    page = opened(name, viewport=chromium.NARROW)
    before = page.evaluate(FIRST_COLUMN)

    page.evaluate("document.querySelector('.grid').scrollLeft = 200")

    assert page.evaluate("document.querySelector('.grid').scrollLeft") == 200
    assert page.evaluate(FIRST_COLUMN) == before
    assert (
        page.evaluate("document.querySelector('.grid tbody th[scope=row]').getBoundingClientRect().right") < chromium.NARROW["width"] - 100
    )


@pytest.mark.parametrize("name", ["matrix", "matrix-of-seven"])
def test_the_names_of_the_targets_stay_when_the_window_scrolls(opened, name):
    page = opened(name)

    page.evaluate("const last = document.querySelector('.grid tbody:last-of-type tr:last-child'); last.scrollIntoView({block: 'end'})")

    head = page.evaluate(
        "(({top, bottom}) => [top, bottom])(document.querySelector('.grid thead th:nth-child(2)').getBoundingClientRect())"
    )
    assert -1 <= head[0] < head[1] < chromium.WIDE["height"] / 2


def test_a_table_can_be_scrolled_by_keyboard(opened):
    page = opened("matrix-of-seven", viewport=chromium.NARROW)
    page.locator(".grid").first.focus()

    page.keyboard.press("ArrowRight")

    assert chromium.comes_true(page, "document.querySelector('.grid').scrollLeft > 0")


def test_what_is_alike_can_be_hidden_by_keyboard_without_scripts(opened):
    told = comparison_pages.three()
    differ = sum(row.agreement.differs for row in told.rows) + sum(question.agreement.differs for question in told.questions)
    page = opened("matrix", java_script_enabled=False)
    box = page.get_by_role("checkbox")
    rows = page.locator(".grid tbody tr:not(.area):visible")
    assert rows.count() == len(told.rows) + len(told.questions)

    box.focus()
    page.keyboard.press("Space")

    assert box.is_checked()
    assert rows.count() == differ
    assert page.locator("tr.area:visible").count() == len(
        [area for area, several in told.by_area() if any(row.agreement.differs for row in several)]
    )


@every_page
def test_print_has_everything_and_no_controls(opened, name):
    page = opened(name)
    rows = page.evaluate(ROWS)

    page.emulate_media(media="print")

    assert page.evaluate(ROWS) == rows
    assert page.evaluate("[...document.querySelectorAll('input, nav, .skip')].filter(one => one.checkVisibility()).length") == 0
    assert page.evaluate("[...document.querySelectorAll('.grid')].every(one => getComputedStyle(one).overflow === 'visible')")


@every_page
def test_links_lead_somewhere(opened, name):
    page = opened(name)

    for link in page.locator("nav a").all():
        target = link.get_attribute("href")
        link.click()
        assert page.locator(target).is_visible()


@pytest.mark.parametrize("name", ["matrix-of-seven", "difference-hostile"])
def test_a_target_commands_nothing(opened, name):
    page = opened(name)

    assert page.locator("h1").count() == 1
    assert page.locator("img, script").count() == 0
    assert page.title().startswith(("7 targets", "4 regressions"))
    assert page.locator("main").is_visible()


def test_the_heading_is_the_answer(opened):
    told = comparison_pages.seven()

    assert opened("matrix-of-seven").locator("h1").text_content() == line(told.headline, 2000)
