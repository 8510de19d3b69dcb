"""What axe-core finds on a page, and a judgement of its own on what axe-core leaves open: some contrasts, and headers of row groups."""

from typing import Any, Final

from playwright.sync_api import Page

_JUDGED: Final = """
    selectors => {
        const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
        const channels = colour => {
            canvas.clearRect(0, 0, 1, 1);
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
            return [r, g, b, a / 255];
        };
        const over = ([r, g, b, a], below) => [r, g, b].map((one, at) => one * a + below[at] * (1 - a));
        const luminance = colour => {
            const [r, g, b] = colour.map(one => one / 255).map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const drawn = one => one instanceof SVGElement && !(one instanceof SVGSVGElement);
        const own = one => {
            const style = getComputedStyle(one);
            if (!drawn(one)) return channels(style.backgroundColor);
            if (one instanceof SVGTextElement || style.fill === 'none') return [0, 0, 0, 0];
            const [r, g, b, a] = channels(style.fill);
            return [r, g, b, a * style.fillOpacity * style.opacity];
        };
        const pictured = one => !drawn(one) && getComputedStyle(one).backgroundImage !== 'none';
        return selectors.map(selector => {
            const one = document.querySelector(selector), style = getComputedStyle(one);
            one.scrollIntoView({block: 'center', inline: 'center'});
            const box = one.getBoundingClientRect();
            const ratios = [0.1, 0.5, 0.9].map(share => {
                const stack = document.elementsFromPoint(box.left + box.width * share, box.top + box.height / 2);
                const place = stack.indexOf(one);
                if (place < 0) return 0;
                const below = stack.slice(drawn(one) ? place + 1 : place);
                if (below.some(pictured)) return 0;
                const ground = below.reduceRight((under, each) => over(own(each), under), channels('Canvas').slice(0, 3));
                const ink = over(channels(drawn(one) ? style.fill : style.color), ground);
                const [dark, light] = [luminance(ground), luminance(ink)].sort((a, b) => a - b);
                return (light + 0.05) / (dark + 0.05);
            });
            const size = parseFloat(style.fontSize);
            const needed = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5;
            return {ratio: Math.min(...ratios), needed};
        });
    }
"""
"""
The contrast of the texts at these selectors, at three points of each, against all that is painted below them.

0: the text is covered or out of sight there, or a picture lies below it. Opacity of the text itself is not used on these pages.
"""

_HEADS_NOTHING: Final = """
    selectors => selectors.filter(selector => {
        const one = document.querySelector(selector), group = one.closest('tbody');
        return !(one.scope === 'rowgroup' && group && group.querySelector('td'));
    })
"""
"""Those of these header cells that are not the header of a row group with data in it, a kind that axe-core does not know."""


def faults(page: Page, axe: str) -> list[str]:
    """Return what axe-core finds wrong on a page, and what neither it nor the contrast computed here finds in order."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    if not found["passes"]:
        return ["nothing was judged"]
    told = [_told(one, [node["target"] for node in one["nodes"]]) for one in found["violations"]]
    for one in found["incomplete"]:
        match one["id"]:
            case "color-contrast":
                told += _too_pale(page, [node["target"][0] for node in one["nodes"]])
            case "th-has-data-cells":
                checks = [check for node in one["nodes"] for check in (*node["any"], *node["all"], *node["none"])]
                headers = [related["target"][0] for check in checks for related in check["relatedNodes"]]
                told += [_told(one, [[header]]) for header in page.evaluate(_HEADS_NOTHING, headers)] if headers else [_told(one, [])]
            case _:
                told.append(_told(one, [node["target"] for node in one["nodes"]]))
    return told


def _told(one: dict[str, Any], targets: list[list[str]]) -> str:
    return f"{one['id']}: {one['help']} {targets[:3]}"


def _too_pale(page: Page, selectors: list[str]) -> list[str]:
    judged = zip(selectors, page.evaluate(_JUDGED, selectors), strict=True)
    return [
        f"color-contrast: {one['ratio']:.2f} where {one['needed']} is needed, {selector}"
        for selector, one in judged
        if one["ratio"] < one["needed"]
    ]
