"""Languages of error messages: what is asked for, and what comes (CAR-ERROR-LOCALE-REQUEST, -BEST, CAR-ERROR-TEXT-LOCALE)."""

import pytest

from closecheck.cases import Draft
from closecheck.checks.locales import primary, spoken
from closecheck.parametrize import asked_once

INVALID = {"accessRequestIds": []}
SINGLE = ("en", "en-US", "en-GB", "fr", "fr-FR", "fr-CA", "de", "de-DE", "de-CH", "ja", "ja-JP", "es", "es-ES", "es-419", "it", "nl",
          "pt", "pt-BR", "zh", "zh-CN", "zh-Hant-TW", "ko", "pl", "ru", "sv", "ar", "he", "tr", "cs", "uk")  # fmt: skip
SEVERAL = (
    "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5",
    "de;q=0.5, fr",
    "fr;q=0.5, de",
    "en;q=0.8,fr;q=0.9",
    "fr;q=0.9,en;q=0.8",
    "ja;q=0.001, es;q=1.000",
    "es;q=0.09, de;q=0.1",
    "de;q=1.0, en;q=0.5",
    "en-US,en;q=0.9,fr;q=0.8",
    "FR",
    "De-dE",
    "tlh, fr;q=0.5",
    "tlh, eo;q=0.8, de;q=0.3",
    "*",
    "*;q=0.1",
    "tlh, *;q=0.1",
    "qaa",
    "qaa, fr;q=0.1",
    "mul",
    "i-klingon",
    "x-pirate",
    "sl-rozaj-biske-1994",
    "de-DE-u-co-phonebk",
    "en ; q=0.5 , fr ; q=0.7",
    "fr,,de;q=0.2",
)
EXCLUDING = ("en;q=0, fr", "fr;q=0, en", "de;q=0, fr;q=0, es", "en;q=0", "fr;q=0, *", "en;q=0, *;q=0.5", "en-GB;q=0, fr;q=0.5", "*;q=0", "en;q=0.0, ja")
MALFORMED = (
    "fr;;q", "fr;q=abc", ";;;", "fr;q=1.5", "fr;q=-1", "en_US", "français", "fr;q=", "q=1", "fr de", "-", "fr-", '"fr"', "fr;level=1",
    "a-very-long-subtag-abcdefghij", "<script>", "../../etc/passwd", "%s%s%n", "fr;q=0.1234567", "*-*", "٣",
)  # fmt: skip
LONG = (", ".join(f"x{n:03d}-aa;q=0.{n % 9 + 1}" for n in range(200)), "fr;q=0.5, " + ", ".join(["en-x-" + "abcdefgh-" * 10 + "z"] * 20), "," * 500 + "fr")


def asked(session, accept_language):
    """Send the invalid body with a language wish, once for each wish in a run."""
    return asked_once(session, f"language/{accept_language}", Draft(body=INVALID, headers={"Accept-Language": _wire(accept_language)}))


def _wire(text):
    """Return a text as it goes into a field: its UTF-8 bytes, each as one character (RFC 9110, 5.5)."""
    return text.encode().decode("latin-1")


def judged(session, clause, exchange):
    """Hold what the session has judged of an exchange against the clause."""
    found = [one for one in session.evidence if one.requirement == clause.requirement and exchange.number in one.exchanges[-1:] and one.finding]
    finding = found[0].finding if found else None
    clause.expect(finding is None, finding.expected if finding else "", finding.got if finding else "", exchange)


@pytest.mark.requirement("CAR-ERROR-LOCALE-REQUEST", part="one language")
@pytest.mark.parametrize("accept_language", SINGLE)
def test_one_language_is_asked_for(session, clause, accept_language):
    """REQUEST names the language that was asked for, and nothing else."""
    judged(session, clause, asked(session, accept_language))


@pytest.mark.requirement("CAR-ERROR-LOCALE-REQUEST", part="several languages")
@pytest.mark.parametrize("accept_language", SEVERAL)
def test_several_languages_are_asked_for(session, clause, accept_language):
    """REQUEST names one of the languages that were asked for, and the one that was asked for most of those known."""
    for language in ("en-US", "fr", "de", "ja", "es"):
        asked(session, language)

    judged(session, clause, asked(session, accept_language))


@pytest.mark.requirement("CAR-ERROR-LOCALE-REQUEST", part="excluded languages")
@pytest.mark.parametrize("accept_language", EXCLUDING)
def test_an_excluded_language_is_not_claimed(session, clause, accept_language):
    """REQUEST does not name a language that was excluded with q=0."""
    judged(session, clause, asked(session, accept_language))


@pytest.mark.requirement("CAR-ERROR-LOCALE-REQUEST", part="malformed and long")
@pytest.mark.parametrize("accept_language", [*MALFORMED, *LONG], ids=lambda text: text[:24])
def test_a_malformed_wish_is_borne(session, clause, accept_language):
    """A wish that is malformed or very long is answered in form, and never with a 5xx."""
    exchange = asked(session, accept_language)

    clause.expect(0 < exchange.status < 500, "an answer other than a 5xx", exchange.got(), exchange)


@pytest.mark.requirement("CAR-ERROR-LOCALE-DEFAULT", part="after others")
def test_a_language_does_not_stay(session, clause):
    """Without Accept-Language the default comes back, whatever was asked for before."""
    with session.lane() as lane:
        for number, language in enumerate(("fr", "de", "ja")):
            session.send(f"language/sticks/{language}", Draft(body=INVALID, headers={"Accept-Language": language}), lane=lane)
            exchange = session.send(f"language/sticks/none-{number}", Draft(body=INVALID), lane=lane)

    judged(session, clause, exchange)


def known(session):
    """Return one exact tag for each language that the target has shown so far, well-known ones asked for first."""
    for language in SINGLE:
        asked(session, language)
    return sorted(session.clauses.languages.shown)


@pytest.mark.requirement("CAR-ERROR-LOCALE-BEST", part="first choice")
def test_a_known_language_is_used_when_it_is_asked_for(session, clause):
    """A language that the target has shown comes when it is asked for."""
    for tag in known(session):
        exchange = asked(session, tag)
        comes(clause, exchange, tag, f"Accept-Language: {tag}")


@pytest.mark.requirement("CAR-ERROR-LOCALE-BEST", part="second choice")
def test_a_known_language_is_used_as_second_choice(session, clause):
    """A language that the target has shown comes also where an unknown one is preferred."""
    tags = known(session)
    stranger = next(one for one in ("tlh", "eo", "vo") if one not in {primary(tag) for tag in tags})
    for tag in tags:
        wish = f"{stranger}, {tag};q=0.5"
        comes(clause, asked(session, wish), tag, f"Accept-Language: {wish}")


def comes(clause, exchange, tag, change):
    """Expect a message in the language of the tag."""
    languages = {primary(one.locale) for one in spoken(exchange)}
    told = ", ".join(sorted(languages)) or "no locale"
    clause.expect(
        exchange.status != 400 or primary(tag) in languages,
        f"a message in {tag}, which the target has shown it knows",
        told,
        exchange,
        change=change,
    )


@pytest.mark.requirement("CAR-ERROR-TEXT-LOCALE")
def test_another_language_is_another_text(session, clause):
    """Texts whose locales name different languages differ."""
    texts = {}
    for language in SINGLE:
        exchange = asked(session, language)
        for one in spoken(exchange):
            if one.text and not one.undetermined and one.place == "messages[0]":
                texts.setdefault(primary(one.locale), (one.text, exchange))
    seen = {}
    for language, (text, exchange) in texts.items():
        other, earlier = seen.setdefault(text, (language, exchange))
        clause.expect(
            other == language,
            f"a text in {language} that differs from the one in {other}",
            f'"{text}" for both',
            earlier,
            exchange,
        )
    if not texts:
        clause.untested("no error object names a language")


@pytest.mark.choice("languages")
def test_the_languages_are_observed(session):
    """Which languages the target speaks is its choice."""
    shown = known(session)
    default = session.clauses.languages.default
    session.observe("languages", f"{', '.join(shown) or 'none named'}; default {default[0] if default else 'not named'}")
