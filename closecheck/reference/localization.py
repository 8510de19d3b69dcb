"""
A locale has origin REQUEST only if the request asked for its language; in every other case it is the default one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from closecheck.reference.catalogues import CATALOGUES, DEFAULT_LOCALE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT = "DEFAULT"
REQUEST = "REQUEST"


@dataclass(frozen=True, slots=True)
class Locale:
    """
    The language of one error object: a BCP 47 tag, and how it was chosen (page: localeOrigin).
    """

    tag: str
    origin: str


class Localizer:
    """
    Chooses the language and finds the texts.
    """

    def __init__(self) -> None:
        self.catalogues: Mapping[str, Mapping[str, str]] = CATALOGUES
        self.default_tag = DEFAULT_LOCALE

    def choose(self, accept_language: str | None) -> Locale:
        """
        The best locale for the value of an Accept-Language field (None: there is none). Never raises.
        """
        tag = self.match(self.ranges(accept_language)) if accept_language else None
        return Locale(self.default_tag, DEFAULT) if tag is None else Locale(tag, REQUEST)

    def ranges(self, accept_language: str) -> list[tuple[str, float]]:
        """
        The language ranges of a field value with their weights, best first; malformed ones are left out.
        """
        accepted = parse_accept_header(accept_language, LanguageAccept)
        # werkzeug puts `*` last whatever its weight; the sort is stable, so equal weights keep the order of the field.
        return sorted(((item.lower(), weight) for item, weight in accepted), key=lambda pair: -pair[1])

    def match(self, ranges: list[tuple[str, float]]) -> str | None:
        """
        Lookup as in RFC 4647, 3.4: the best range is tried first, whole and then shortened; None: nothing fits.
        """
        candidates = [tag for tag in self.catalogues if self._weight(tag, ranges) != 0]
        for language, weight in ranges:
            if weight == 0:
                continue
            for shortened in _shortened(language):
                for tag in candidates:
                    if _covers(shortened, tag):
                        return tag
        return None

    def text(self, tag: str, key: str, parameters: Mapping[str, object]) -> str:
        """
        The text for ``key`` in the language ``tag``, its placeholders filled.
        """
        return self.catalogues[tag][key].format_map(dict(parameters))

    def _weight(self, tag: str, ranges: list[tuple[str, float]]) -> float | None:
        """
        The weight of the longest range that covers ``tag``: 0 excludes the tag, None says that no range covers it.
        """
        covering = [(len(language) if language != "*" else 0, weight) for language, weight in ranges if _covers(language, tag)]
        return max(covering)[1] if covering else None


def _covers(language: str, tag: str) -> bool:
    """
    Basic filtering (RFC 4647, 3.3.1): ``en`` covers ``en-US``, ``*`` covers everything.
    """
    return language == "*" or f"{tag.lower()}-".startswith(f"{language}-")


def _shortened(language: str) -> Iterator[str]:
    """
    The range, then the range without its last subtag, and so on (a lone letter goes with what follows it).
    """
    subtags = language.split("-")
    while subtags:
        yield "-".join(subtags)
        subtags.pop()
        if len(subtags) > 1 and len(subtags[-1]) == 1:
            subtags.pop()
