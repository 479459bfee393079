"""From composed tokens to a written pair: elision and contraction in both languages, capitals, gold links.

Everything that depends on which word happens to stand next is decided here and nowhere else, except the forms
chosen inside a noun phrase (`bel`, `cet`, `mon amie`), which depend on its own words.
"""

from typing import NamedTuple

from attnrun.data.corpus import Links, Pair
from attnrun.data.phrases.chunk import Chunk, Mark, Token, Tokens, glued

_VOWELS = frozenset("aeiouàâäéèêëîïôöûüœh")
# written with a vowel or an h, and yet neither elided nor linked
_ASPIRATED = frozenset(
    [
        "hamster",
        "hamsters",
        "haricot",
        "haricots",
        "haut",
        "haute",
        "hauts",
        "hautes",
        "hérisson",
        "hérissons",
        "héros",
        "hibou",
        "hiboux",
        "hockey",
        "huit",
        "huitième",
        "onze",
        "onzième",
        "oui",
        "hall",
        "handball",
        "homard",
    ]
)
_ELIDED = frozenset(
    ["je", "me", "te", "se", "le", "la", "ne", "de", "que", "ce", "jusque", "lorsque", "puisque"]
)
_CONTRACTED = {("à", "le"): "au", ("à", "les"): "aux", ("de", "le"): "du", ("de", "les"): "des"}
_CHANGING = _ELIDED | {"à", "si"}
_SHORT = {"am": "m", "is": "s", "are": "re", "will": "ll", "have": "ve", "has": "s", "would": "d"}
_SUBJECTS = frozenset(["I", "you", "he", "she", "it", "we", "they"])
_AN = frozenset("aeiou")
_NOT_AN = ("uni", "use", "euro", "one")


def vowel_sound(text: str) -> bool:
    """Say whether a French word begins with a vowel sound, a mute h included."""
    text = text.lower()
    return text == "y" or (text[0] in _VOWELS and text not in _ASPIRATED)


class Written(NamedTuple):
    """A pair with the words of both sides, the French ones marked, for counting."""

    pair: Pair
    words: tuple[str, ...]


def write(chunk: Chunk) -> Written:
    """Write a whole sentence: text of both sides, links and tags."""
    en, fr = english(chunk.en), french(chunk.fr)
    made = Pair(
        _text(en),
        _text(fr),
        _links(en, fr),
        tuple([token.tag for token in en]),
        tuple([token.tag for token in fr]),
    )
    return Written(made, tuple([token.text for token in en] + ["fr:" + token.text for token in fr]))


def _text(side: Tokens) -> str:
    text = "".join([token.text if token.glued else " " + token.text for token in side]).lstrip()
    return text[0].upper() + text[1:]


def _links(en: Tokens, fr: Tokens) -> Links:
    places: dict[Mark, list[int]] = {}
    for place, token in enumerate(fr):
        for mark in token.marks:
            if mark in places:
                places[mark].append(place)
            else:
                places[mark] = [place]
    found = [(e, f) for e, token in enumerate(en) for mark in token.marks for f in places.get(mark, ())]
    return tuple(sorted(set(found)))


def french(side: Tokens) -> Tokens:
    """Contract `à le`, `de les` …; elide `le homme`, `je ai`, `si il` …."""
    written: list[Token] = []
    place, last, apostrophe = 0, len(side) - 1, False
    while place <= last:
        token = side[place]
        if token.text in _CHANGING and place < last:
            following = side[place + 1]
            if _contracts(token, following, side[place + 2 : place + 3]):
                text = _CONTRACTED[token.text, following.text]
                token = token._replace(text=text, marks=token.marks + following.marks)
                place += 1
            elif _elides(token, following):
                token = token._replace(text=token.text[:-1] + "'")
        written.append(token._replace(glued=True) if apostrophe else token)
        apostrophe = token.text[-1] == "'"
        place += 1
    return tuple(written)


def _contracts(token: Token, following: Token, after: Tokens) -> bool:
    if (token.text, following.text) not in _CONTRACTED or following.tag != "DET":
        return False
    return following.text == "les" or not (after and _elides(following, after[0]))


def _elides(token: Token, following: Token) -> bool:
    if token.glued or following.glued:
        return False
    if token.text == "si":
        return following.text in ("il", "ils")
    return token.text in _ELIDED and vowel_sound(following.text)


def english(side: Tokens) -> Tokens:
    """Choose `a` or `an`; contract pronoun and auxiliary (`she is`, `she's`), not before punctuation."""
    written: list[Token] = []
    for place, given in enumerate(side):
        token, text = given, given.text
        if text == "a" and _takes_an(side[place + 1].text):
            token = token._replace(text="an")
        elif text in _SHORT and _shortens(written, token, side[place + 1] if place + 1 < len(side) else None):
            written[-1] = written[-1]._replace(text=written[-1].text + "'")
            token = glued(_SHORT[token.text], token.tag, *token.marks)
        written.append(token)
    return tuple(written)


def _takes_an(text: str) -> bool:
    return (text[0].lower() in _AN and not text.startswith(_NOT_AN)) or text in ("hour", "honest")


def _shortens(written: list[Token], token: Token, following: Token | None) -> bool:
    if token.tag != "AUX" or following is None or following.tag == "PUNCT":
        return False
    return bool(written) and written[-1].tag == "PRON" and written[-1].text in _SUBJECTS
