"""
The pictures of docs/: the pages of two recorded runs, one against a target with faults and one against the reference.

They are kept in 256 colours, a quarter of what the browser writes. ``make docs`` takes them anew. Times and ports differ with every run, so that nothing compares them.
"""

from __future__ import annotations

import base64
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import chromium
import recorded_runs
from playwright.sync_api import Browser, FloatRect

from closecheck.reports.html import FILE_NAME

FOLDER: Final = recorded_runs.ROOT / "docs" / "pictures"
MOST_BYTES: Final = 150_000
_DESK: Final = {"width": 960, "height": 900}
_MARGIN: Final = 16


_INDEXED: Final = """
    async source => {
        const image = await createImageBitmap(await (await fetch(source)).blob());
        const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer), counts = new Map();
        for (const one of pixels) { counts.set(one, (counts.get(one) || 0) + 1); }
        const alike = new Map();
        for (const [colour, count] of [...counts].sort((one, other) => other[1] - one[1])) {
            const group = alike.get(colour & 0xf0f0f0) || {colour, count: 0};
            alike.set(colour & 0xf0f0f0, {...group, count: group.count + count});
        }
        const palette = [...alike.values()].sort((one, other) => other.count - one.count).slice(0, 256).map(one => one.colour);
        const apart = (one, other) => [0, 8, 16].reduce((sum, shift) => sum + ((one >> shift & 255) - (other >> shift & 255)) ** 2, 0);
        const places = new Map(palette.map((colour, place) => [colour, place]));
        const place = colour => {
            if (!places.has(colour)) {
                places.set(colour, palette.reduce((best, other, at) => apart(colour, other) < apart(colour, palette[best]) ? at : best, 0));
            }
            return places.get(colour);
        };
        const indices = Uint8Array.from(pixels, place);
        let text = '';
        for (let at = 0; at < indices.length; at += 32768) { text += String.fromCharCode(...indices.subarray(at, at + 32768)); }
        return {width: image.width, height: image.height, palette, indices: btoa(text)};
    }
"""
"""Of each group of like colours the most frequent, at most 256 of these, and for each pixel the place of the nearest."""


def indexed(browser: Browser, picture: bytes) -> bytes:
    """Return a PNG in 256 colours; the browser decodes what it has written."""
    page = browser.new_page()
    told = page.evaluate(_INDEXED, f"data:image/png;base64,{base64.b64encode(picture).decode()}")
    page.close()
    width, height = told["width"], told["height"]
    indices = base64.b64decode(told["indices"])
    rows = b"".join(b"\0" + indices[at : at + width] for at in range(0, len(indices), width))
    palette = b"".join(bytes((colour & 255, colour >> 8 & 255, colour >> 16 & 255)) for colour in told["palette"])
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def take(browser: Browser, page_file: Path, name: str, first: str, last: str, **options: Any) -> None:
    """Take a picture that reaches from one element to another, both included."""
    context = browser.new_context(**{"viewport": _DESK, **options})
    page = context.new_page()
    page.goto(page_file.as_uri())
    begin, end = (page.locator(selector).first.bounding_box() for selector in (first, last))
    assert begin is not None
    assert end is not None
    top = max(0.0, begin["y"] - _MARGIN)
    width = float(page.viewport_size["width"] if page.viewport_size else 0)
    clip: FloatRect = {"x": 0, "y": top, "width": width, "height": end["y"] + end["height"] + _MARGIN - top}
    picture = indexed(browser, page.screenshot(full_page=True, clip=clip))
    context.close()
    assert len(picture) < MOST_BYTES, f"{name} takes {len(picture)} bytes"
    (FOLDER / name).write_bytes(picture)


def main() -> None:
    """Record both runs and take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="closecheck-pictures-") as folder, chromium.started() as browser:
        faulty = recorded_runs.faulty(Path(folder) / "faulty") / FILE_NAME
        conformant = recorded_runs.record(Path(folder) / "reference") / FILE_NAME
        take(browser, faulty, "report.png", ".brand", "table.index")
        take(browser, faulty, "finding.png", "#finding-CAR-AUTH-EXPIRED > header", "#finding-CAR-AUTH-EXPIRED .finding")
        take(browser, faulty, "untested.png", "#untested", "table.areas")
        take(browser, faulty, "timing.png", "#timing", "section[aria-labelledby=timing]")
        take(browser, conformant, "phone.png", ".brand", "nav", viewport=chromium.NARROW, color_scheme="dark", device_scale_factor=2)


if __name__ == "__main__":
    main()
