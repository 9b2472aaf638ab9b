"""Every mail exists in every language, looks alike, and holds nothing of its template."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.test import Client
from django.utils import translation

from apps.notifications.samples import LINK, sample_letters
from apps.notifications.services.rendering import Rendered, render
from apps.notifications.states import KINDS, Kind
from apps.notifications.texts import describe

TEMPLATES = Path(settings.BASE_DIR) / "apps" / "notifications" / "templates" / "notifications"
LETTERS = sample_letters()
LANGUAGES = [code for code, _ in settings.LANGUAGES]
TRANSLATED = ["bn", "de"]
LINKS = {kind for kind, context in LETTERS.items() if context.get("link")}


def written(kind: str, language: str) -> Rendered:
    return render(kind=kind, language=language, context=LETTERS[kind])


def test_every_template_has_a_sample_and_the_other_way_round() -> None:
    assert {path.name.split(".")[0] for path in TEMPLATES.glob("*.subject.txt")} == set(LETTERS)


def test_every_text_is_translated_and_the_compiled_files_are_up_to_date() -> None:
    command = [sys.executable, "scripts/messages.py", "check"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LETTERS)
def test_a_mail_is_whole_in_every_language(kind: str, language: str) -> None:
    mail = written(kind, language)
    assert 0 < len(mail.subject) <= 200
    assert len(mail.text.splitlines()) >= 3
    for part in (mail.subject, mail.text, mail.html):
        assert not re.search(r"\{%|%\}|\{\{|\}\}|%\(|None|\bTrue\b|\bFalse\b", part), part
    shown = language if language in TRANSLATED else "en"
    assert f'<html lang="{shown}" dir="ltr">' in mail.html
    assert settings.SHOP_NAME in mail.text
    assert settings.SHOP_NAME in mail.html


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("kind", LETTERS)
def test_a_translated_mail_is_not_in_english(kind: str, language: str) -> None:
    english, mail = written(kind, "en"), written(kind, language)
    assert mail.subject != english.subject
    assert mail.text != english.text
    script = {"bn": "[\u0980-\u09ff]", "de": "[A-Za-zäöüÄÖÜß]"}[language]
    assert re.search(script, mail.subject)


@pytest.mark.parametrize("kind", sorted(LINKS))
def test_a_link_stands_whole_in_both_forms(kind: str) -> None:
    mail, link = written(kind, "de"), LETTERS[kind]["link"]
    assert link in mail.text.split()
    assert f'href="{html.escape(link)}"' in mail.html


def test_what_customers_wrote_is_escaped_in_the_html_only() -> None:
    mail = written("order_paid", "en")
    assert "Mug &lt;large&gt; &amp; heavy" in mail.html
    assert "Mug <large> & heavy" in mail.text


def test_one_and_many_differ() -> None:
    low = LETTERS["low_stock"]
    one = render(kind="low_stock", language="de", context=low | {"available": 1})
    assert "ist noch 1 Stück da" in one.text
    assert "sind noch 3 Stück da" in written("low_stock", "de").text
    assert "72 Stunden" in written("welcome", "de").text
    assert "45 minutes" in written("password_reset", "en").text


@pytest.mark.parametrize("language", ["en", *TRANSLATED])
@pytest.mark.parametrize("kind", [kind for kind, info in KINDS.items() if "in_app" in info.channels])
def test_the_inbox_has_words_for_every_kind(kind: Kind, language: str) -> None:
    data = dict.fromkeys(("order_number", "amount", "name", "available", "units", "title", "host"), "X-1")
    with translation.override(language):
        title, body = describe(kind, data)
    assert title
    assert title != kind.value
    assert "%(" not in body
    assert "X-1" in body or kind is Kind.DEAD_LETTER


def test_the_preview_shows_every_mail_on_a_developers_machine(settings: LazySettings) -> None:
    settings.ENVIRONMENT = "local"
    client = Client()
    page = client.get("/dev/mails/").content.decode()
    links = re.findall(r'href="(/dev/mails/[^"]+)"', page)
    assert len(links) == len(LETTERS) * len(LANGUAGES)
    for link in links:
        assert client.get(link).status_code == 200
    shown = client.get("/dev/mails/welcome/de/")
    assert html.escape(LINK) in shown.content.decode()
    (framed,) = re.findall(r'<iframe srcdoc="([^"]*)" sandbox', shown.content.decode())
    assert html.unescape(framed) == written("welcome", "de").html
    assert shown["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert client.get("/dev/mails/nonsense/de/").status_code == 404
    assert client.get("/dev/mails/welcome/xx/").status_code == 404
    assert client.post("/dev/mails/").status_code == 405
    assert "/dev/mails/" in client.get("/").content.decode()


@pytest.mark.parametrize("environment", ["production", "test"])
def test_the_preview_does_not_exist_elsewhere(settings: LazySettings, environment: str) -> None:
    settings.ENVIRONMENT = environment
    for path in ("/dev/mails/", "/dev/mails/welcome/en/"):
        assert Client().get(path).status_code == 404
    assert "/dev/mails/" not in Client().get("/").content.decode()
