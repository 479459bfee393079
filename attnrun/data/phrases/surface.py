"""From composed tokens to a written pair: elision and contraction in both languages, capitals, gold links.

Everything that depends on which word happens to stand next is decided here and nowhere else, except the forms
chosen inside a noun phrase (`bel`, `cet`, `mon amie`), which depend on its own words.
"""

from attnrun.data.corpus import Links, Pair
from attnrun.data.phrases.chunk import Chunk, Mark, Token, Tokens, glued
from attnrun.data.words import JOINER

_VOWELS = frozenset("aeiouàâäéèêëîïôöûüœh")
# written with a vowel or an h, and yet neither elided nor linked
_ASPIRATED = frozenset(
    "hamster hamsters haricot haricots haut haute hauts hautes hérisson hérissons héros hibou hiboux hockey huit "
    "huitième onze onzième oui hall handball homard".split()
)
_ELIDED = frozenset("je me te se le la ne de que ce jusque parce lorsque puisque".split()) - {"parce"}
_CONTRACTED = {("à", "le"): "au", ("à", "les"): "aux", ("de", "le"): "du", ("de", "les"): "des"}
_SHORT = {"am": "m", "is": "s", "are": "re", "will": "ll", "have": "ve", "has": "s", "would": "d"}
_SUBJECTS = frozenset("I you he she it we they".split())
_AN = frozenset("aeiou")
_NOT_AN = ("uni", "use", "euro", "one")


def vowel_sound(text: str) -> bool:
    """Say whether a French word begins with a vowel sound, a mute h included."""
    text = text.lower()
    return text == "y" or (text[0] in _VOWELS and text not in _ASPIRATED)


def pair(chunk: Chunk) -> Pair:
    """Write a whole sentence: text of both sides, links and tags."""
    en, fr = english(chunk.en), french(chunk.fr)
    return Pair(
        _text(en), _text(fr), _links(en, fr), tuple(token.tag for token in en), tuple(token.tag for token in fr)
    )


def tokens(side: Tokens) -> list[str]:
    """Return the tokens as `words.tokenise` spells them, before capitals."""
    return [JOINER * token.glued + token.text for token in side]


def _text(side: Tokens) -> str:
    text = "".join(token.text if token.glued else " " + token.text for token in side).lstrip()
    return text[0].upper() + text[1:]


def _links(en: Tokens, fr: Tokens) -> Links:
    places: dict[Mark, list[int]] = {}
    for place, token in enumerate(fr):
        for mark in token.marks:
            places.setdefault(mark, []).append(place)
    found = {(e, f) for e, token in enumerate(en) for mark in token.marks for f in places.get(mark, ())}
    return tuple(sorted(found))


def french(side: Tokens) -> Tokens:
    """Contract `à le`, `de les` …; elide `le homme`, `je ai`, `si il` …."""
    written: list[Token] = []
    place = 0
    while place < len(side):
        token, following = side[place], side[place + 1] if place + 1 < len(side) else None
        place += 1
        if following is not None and _contracts(token, following, side[place + 1 : place + 2]):
            text = _CONTRACTED[token.text, following.text]
            token = token._replace(text=text, marks=token.marks + following.marks)
            place += 1
        elif following is not None and _elides(token, following):
            token = token._replace(text=token.text[:-1] + "'")
        if written and written[-1].text.endswith("'"):
            token = token._replace(glued=True)
        written.append(token)
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
    """Choose `a` or `an`; contract pronoun and auxiliary (`she is` -> `she's`), not at the end of a clause."""
    written: list[Token] = []
    for place, token in enumerate(side):
        following = side[place + 1] if place + 1 < len(side) else None
        if token.text == "a" and following is not None and _takes_an(following.text):
            token = token._replace(text="an")
        elif _shortens(written, token, following):
            written[-1] = written[-1]._replace(text=written[-1].text + "'")
            token = glued(_SHORT[token.text], token.tag, *token.marks)
        written.append(token)
    return tuple(written)


def _takes_an(text: str) -> bool:
    return text[0].lower() in _AN and not text.startswith(_NOT_AN) or text in ("hour", "honest")


def _shortens(written: list[Token], token: Token, following: Token | None) -> bool:
    if token.tag != "AUX" or token.text not in _SHORT or following is None or following.tag == "PUNCT":
        return False
    return bool(written) and written[-1].tag == "PRON" and written[-1].text in _SUBJECTS
