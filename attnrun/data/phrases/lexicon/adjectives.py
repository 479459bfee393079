"""Adjectives: French forms, place beside the noun, what they may be said of, and English comparison."""

from functools import cache
from typing import NamedTuple

from attnrun.data.phrases.lexicon.nouns import Noun, expand, french_plural

_THINGS = "carried+clothes+pair+vehicle+furniture+house+present+dishes"
# english|french masculine [feminine [before a vowel]]|`<` before the noun|themes of nouns|`er` comparatives
_NEAR = f"""
big|grand|<|house+furniture+room+land+animal+openable+carried+device|bigger
small|petit|<|{_THINGS}+room+animal+land+openable|smaller
beautiful|beau belle bel|<|clothes+land+present+house+picture+music+place+animal|
new|nouveau nouvelle nouvel|<|{_THINGS}+device+literature+printed+place|newer
old|vieux vieille vieil|<|pet+{_THINGS}+place+land+device|older
good|bon bonne|<|literature+printed+show+dish+fruit+drink+music+meal|better
bad|mauvais|<|literature+show+idea+answer|
pretty|joli|<|clothes+present+house+land+picture|prettier
long|long longue|<|mail+literature+river+street+bridge|longer
young|jeune|<|people|
"""
_AFTER = f"""
red|rouge||{_THINGS}+openable|
blue|bleu||{_THINGS}+openable|
green|vert||{_THINGS}+openable|
yellow|jaune||{_THINGS}+openable|
black|noir||{_THINGS}+animal|
white|blanc blanche||{_THINGS}+animal+openable|
grey|gris||structure+clothes+pair+vehicle+house+animal|
expensive|cher chère||carried+clothes+pair+vehicle+house+device+furniture|
cheap|bon marché bon marché||clothes+pair+carried|
interesting|intéressant||reading+show+thought+museum|
boring|ennuyeux ennuyeuse||reading+show+lesson|
funny|drôle||mail+literature+film+play|funnier
difficult|difficile||thought|
easy|facile||thought|easier
important|important||thought+mail|
simple|simple||thought|simpler
modern|moderne||house+workplace+furniture|
comfortable|confortable||bed+sofa+armchair+chair+pair+motor|
heavy|lourd||furniture|heavier
light|léger légère||clothes|lighter
warm|chaud||coat+jumper+jacket+scarf+pair|warmer
cold|froid||cold drink|
clean|propre||dishes+clothes+room+pair|cleaner
dirty|sale||wall+dishes+clothes+room+pair+vehicle|
fresh|frais fraîche||fruit+bread+butter+fish|
famous|célèbre||picture+literature+music+stage|
quiet|calme||village+street+park+library+beach|quieter
useful|utile||device+printed|
empty|vide||room+house|
broken|cassé||device+furniture|
round|rond||table+mirror+carpet|
French|français||people+literature+printed+show+music|
English|anglais||people+literature+printed+show+music|
Italian|italien italienne||people+literature+printed+show+clothes+music|
Spanish|espagnol||people+literature+printed+show+music|
American|américain||people+show+vehicle+music|
"""
# said of people after `be`, for a while
_MOODS = """
tired|fatigué|||
happy|heureux heureuse|||happier
sad|triste|||sadder
ill|malade|||
ready|prêt|||
busy|occupé|||
free|libre|||
late|en retard en retard|||
early|en avance en avance|||
angry|en colère en colère|||
worried|inquiet inquiète|||
surprised|surpris|||
calm|calme|||calmer
alone|seul|||
married|marié|||
"""
# said of people after `be`, for good
_TRAITS = """
proud|fier fière|||prouder
rich|riche|||richer
strong|fort|||stronger
tall|grand|||taller
kind|gentil gentille|||kinder
polite|poli|||
patient|patient|||
shy|timide|||shyer
serious|sérieux sérieuse|||
curious|curieux curieuse|||
honest|honnête|||
generous|généreux généreuse|||
lazy|paresseux paresseuse|||lazier
brave|courageux courageuse|||braver
intelligent|intelligent|||
nice|sympathique|||nicer
"""


_APART = frozenset(("clean", "empty", "cheap", "broken"))  # said after `be` only


class Adjective(NamedTuple):
    """An adjective of both languages."""

    en: str
    masculine: str
    feminine: str
    vowel: str
    before: bool
    themes: tuple[str, ...]
    comparative: str

    def agree(self, gender: str, plural: bool) -> str:
        """Return the French form that agrees."""
        form = self.feminine if gender == "f" else self.masculine
        if not plural or " " in form:
            return form
        return form if form.endswith("x") else french_plural(form)

    @property
    def epicene(self) -> bool:
        """Whether gender does not show."""
        return self.feminine == self.masculine


@cache
def described(noun: Noun, beside: bool = False) -> tuple[Adjective, ...]:
    """Return the adjectives that may be said of this noun, or that may stand `beside` it."""
    choices = (entry for entry in _read(_NEAR) + _read(_AFTER) if not (beside and entry.en in _APART))
    return tuple(entry for entry in choices if set(entry.themes) & {noun.theme, noun.en})


@cache
def states(epicene: bool = False) -> tuple[Adjective, ...]:
    """Return how a person can be for a while; `epicene` keeps those that do not show gender."""
    return tuple(entry for entry in _read(_MOODS) if entry.epicene or not epicene)


@cache
def traits(epicene: bool = False) -> tuple[Adjective, ...]:
    """Return how a person can be for good; `epicene` keeps those that do not show gender."""
    return tuple(entry for entry in _read(_TRAITS) if entry.epicene or not epicene)


@cache
def adjective(english: str) -> Adjective:
    """Return the adjective of this English word."""
    return next(
        entry
        for entry in _read(_MOODS) + _read(_TRAITS) + _read(_NEAR) + _read(_AFTER)
        if entry.en == english
    )


@cache
def _read(table: str) -> tuple[Adjective, ...]:
    return tuple(_entry(line) for line in table.strip().splitlines())


def _entry(line: str) -> Adjective:
    english, french, place, themes, comparative = line.split("|")
    words = french.split()
    if " " in french and len(words) % 2 == 0 and words[0] == words[len(words) // 2]:
        half = " ".join(words[: len(words) // 2])
        forms = [half, half]
    else:
        forms = words if len(words) > 1 else [french, french + "e" * (not french.endswith("e"))]
    return Adjective(
        english, forms[0], forms[1], forms[-1] if len(forms) > 2 else forms[0], place == "<",
        expand(themes), comparative,
    )  # fmt: skip
