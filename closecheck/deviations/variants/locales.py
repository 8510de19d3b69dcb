"""Which languages a target speaks, how it tags them and which is its default is its own choice; a tag must be true."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

from collections.abc import Mapping

from closecheck.deviations.deviation import variant
from closecheck.reference import Reference
from closecheck.reference.catalogues import CATALOGUES, ENGLISH
from closecheck.reference.errors import Problem
from closecheck.reference.localization import DEFAULT, Locale

Catalogue = Mapping[str, str]
DE, EN, ES, FR, JA = (CATALOGUES[tag] for tag in ("de", "en-US", "es", "fr", "ja"))


def catalogue(content: str, forbidden: str, internal: str) -> Catalogue:
    """Return a catalogue of only three texts."""
    return {**dict.fromkeys(ENGLISH, content), "forbidden": forbidden, "internal": internal}


def speak(reference: Reference, catalogues: Mapping[str, Catalogue]) -> None:
    """Speak these languages; the first is the default."""
    reference.localizer.catalogues = catalogues
    reference.localizer.default_tag = next(iter(catalogues))


@variant()
def english_only(reference: Reference) -> None:
    """The only language is American English."""
    speak(reference, {"en-US": EN})


@variant()
def plain_english_only(reference: Reference) -> None:
    """The only language is English of no region."""
    speak(reference, {"en": EN})


@variant()
def german_only(reference: Reference) -> None:
    """The only language is German."""
    speak(reference, {"de": DE})


@variant()
def japanese_only(reference: Reference) -> None:
    """The only language is Japanese."""
    speak(reference, {"ja-JP": JA})


@variant()
def german_by_default(reference: Reference) -> None:
    """The default is German; four other languages are spoken."""
    reference.localizer.default_tag = "de"


@variant()
def japanese_by_default(reference: Reference) -> None:
    """The default is Japanese, with a region; three other languages are spoken."""
    speak(reference, {"ja-JP": JA, "en-US": EN, "de-DE": DE, "fr": FR})


@variant()
def tags_in_lower_case(reference: Reference) -> None:
    """The tags of languages with a region are all in lower case."""
    speak(reference, {"en-us": EN, "de-de": DE, "es-mx": ES, "fr-fr": FR})


@variant()
def tags_in_upper_case(reference: Reference) -> None:
    """The tags of languages are all in upper case."""
    speak(reference, {"EN": EN, "DE": DE, "ES": ES, "FR-FR": FR, "JA": JA})


@variant()
def tags_in_another_case_in_causes(reference: Reference) -> None:
    """The tags are spelled in lower case in messages and in upper case in causes: a tag is the same in any case."""
    plain = reference.errors.causes

    def causes(problem: Problem, locale: Locale) -> object:
        found = plain(problem, locale)
        assert isinstance(found, list)
        return [{**item, "locale": locale.tag.upper()} for item in found]

    reference.errors.causes = causes


@variant()
def regions(reference: Reference) -> None:
    """Every language is that of a region, the default British English; one region is a number."""
    speak(reference, {"en-GB": EN, "de-CH": DE, "es-419": ES, "fr-CA": FR, "ja-JP": JA})


@variant()
def regions_of_one_language(reference: Reference) -> None:
    """Two regions of one language, whose texts differ in nothing, are told apart."""
    speak(reference, {"en-US": EN, "en-GB": EN, "de-DE": DE, "de-AT": DE})


SERBIAN_LATIN = catalogue("Sadržaj zahteva nije ispravan.", "Server odbija da izvrši zahtev.", "Došlo je do interne greške.")
SERBIAN_CYRILLIC = catalogue("Садржај захтева није исправан.", "Сервер одбија да изврши захтев.", "Дошло је до интерне грешке.")
SIMPLIFIED = catalogue("请求的内容无效。", "服务器理解该请求, 但拒绝执行。", "发生内部错误。")
TRADITIONAL = catalogue("請求的內容無效。", "伺服器理解該請求, 但拒絕執行。", "發生內部錯誤。")
ARABIC = catalogue("محتوى الطلب غير صالح.", "فهم الخادم الطلب لكنه يرفض تنفيذه.", "حدث خطأ داخلي.")
HEBREW = catalogue("תוכן הבקשה אינו תקין.", "השרת הבין את הבקשה אך מסרב לבצע אותה.", "אירעה שגיאה פנימית.")
HAWAIIAN = catalogue("ʻAʻole pololei ke noi.", "Ua hōʻole ʻia ke noi.", "Ua loaʻa kekahi hewa.")
SWISS_GERMAN = catalogue("D Aafrog isch nöd gültig.", "De Server macht das nöd.", "Es isch en Fähler passiert.")


@variant()
def scripts(reference: Reference) -> None:
    """The tags of most languages name a script, some a region as well."""
    tags = {"en-Latn-US": EN, "sr-Latn": SERBIAN_LATIN, "sr-Cyrl-RS": SERBIAN_CYRILLIC}
    speak(reference, {**tags, "zh-Hans-CN": SIMPLIFIED, "zh-Hant": TRADITIONAL, "de": DE})


@variant()
def right_to_left(reference: Reference) -> None:
    """The default is Arabic; Hebrew and English are spoken, too."""
    speak(reference, {"ar": ARABIC, "he-IL": HEBREW, "en": EN})


@variant()
def three_letters(reference: Reference) -> None:
    """Two languages have tags of three letters."""
    speak(reference, {"en-US": EN, "haw-US": HAWAIIAN, "gsw": SWISS_GERMAN})


@variant()
def tags_with_variants(reference: Reference) -> None:
    """The tags have variants, extensions and private subtags."""
    tags = {"en-US-x-plain": EN, "de-DE-1996": DE, "de-AT-u-co-phonebk": DE, "es-ES-valencia": ES}
    speak(reference, {**tags, "fr-FR-u-nu-latn-x-a-b": FR})


@variant()
def grandfathered_tag(reference: Reference) -> None:
    """The default has one of the tags that BCP 47 keeps although they fit no rule: en-GB-oed."""
    speak(reference, {"en-GB-oed": EN, "de": DE})


@variant()
def undetermined_only(reference: Reference) -> None:
    """The only locale is und: the language of the texts is not determined."""
    speak(reference, {"und": EN})


@variant()
def another_origin_by_default(reference: Reference) -> None:
    """Where the request asks for no language, the tenant's counts, under an origin that the documentation does not know yet."""
    plain = reference.localizer.choose

    def choose(accept_language: str | None) -> Locale:
        return plain(accept_language) if accept_language else Locale("de", "TENANT")

    reference.localizer.choose = choose


@variant()
def another_origin_always(reference: Reference) -> None:
    """The language is that of the caller's profile, whatever the request asks for, and its origin says so."""
    speak(reference, {"fr": FR})
    reference.localizer.choose = lambda accept_language: Locale("fr", "USER_PREFERENCE")


@variant()
def default_stays_default_when_asked_for(reference: Reference) -> None:
    """Who asks for the default language gets it with origin DEFAULT."""
    plain = reference.localizer.choose

    def choose(accept_language: str | None) -> Locale:
        found = plain(accept_language)
        return Locale(found.tag, DEFAULT) if found.tag == reference.localizer.default_tag else found

    reference.localizer.choose = choose


def undetermined_as_well(reference: Reference) -> None:
    """Add a message with locale und and origin REQUEST to the usual one, and leave the causes empty."""

    def messages(problem: Problem, locale: Locale) -> object:
        message = reference.errors.message(locale, problem.message, {})
        assert isinstance(message, dict)
        return [message, {**message, "locale": "und", "localeOrigin": "REQUEST"}]

    reference.errors.messages = messages
    reference.errors.causes = lambda *_: []


@variant()
def undetermined_second(reference: Reference) -> None:
    """Each error has a second message with locale und and origin REQUEST, as the vendor's own; one language only."""
    speak(reference, {"en-US": EN})
    undetermined_as_well(reference)


@variant()
def undetermined_second_of_five(reference: Reference) -> None:
    """Each error has a second message with locale und and origin REQUEST, beside one in the best of five languages."""
    undetermined_as_well(reference)


@variant()
def every_language_at_once(reference: Reference) -> None:
    """Each error has its message in every language; those that were not chosen have an origin of their own."""

    def messages(problem: Problem, locale: Locale) -> object:
        others = [Locale(tag, "ALTERNATIVE") for tag in reference.localizer.catalogues if tag != locale.tag]
        return [reference.errors.message(item, problem.message, {}) for item in (locale, *others)]

    reference.errors.messages = messages


@variant()
def causes_in_english(reference: Reference) -> None:
    """Messages are in the language that is asked for; causes are always in the default language, and say so."""
    plain = reference.errors.causes
    default = Locale(reference.localizer.default_tag, DEFAULT)
    reference.errors.causes = lambda problem, locale: plain(problem, default)
