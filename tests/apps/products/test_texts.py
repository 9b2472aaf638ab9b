"""Folding, sanitising and the text that search looks in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.products.texts import build_search_text, fold, plain_text, sanitise_html


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Crème  BRÛLÉE", "creme brulee"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ＡＢＣ１２", "abc12"),
        ("ﬁne", "fine"),
        ("শার্ট", "শার্ট"),
        ("Ёлка", "елка"),
        ("  \n tabs\tand lines ", "tabs and lines"),
        ("", ""),
    ],
)
def test_text_is_folded(text, folded):
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_sanitising_twice_is_sanitising_once(text):
    assert sanitise_html(sanitise_html(text)) == sanitise_html(text)


def test_markup_is_no_word_and_separates_words():
    assert plain_text("<p>Soft</p><p>wool &amp; silk</p>").split() == ["Soft", "wool", "&", "silk"]


def test_every_source_of_words_is_in_the_search_text_once_and_in_one_order():
    text = build_search_text(
        name="Shirt",
        description="<b>Soft</b>",
        vendor="Acme",
        category_name="Clothes",
        tags=["b", "a", "b"],
        skus=["S-2", None, "S-1", "S-2", ""],
    )

    assert text == "shirt acme clothes a b s-1 s-2 soft"
