"""Adjectives: French forms, place beside the noun, what they may be said of, and English comparison."""

from functools import cache
from typing import NamedTuple

from attnrun.data.phrases.lexicon.nouns import french_plural

_THINGS = "carried+clothes+pair+vehicle+furniture+house+present+dishes"
# english|french masculine [feminine [before a vowel]]|`<` before the noun|themes of nouns|`er` comparatives
_NEAR = f"""
big|grand|<|house+furniture+room+land+animal+openable+carried+device|bigger
small|petit|<|{_THINGS}+room+animal+fruit+land+openable|smaller
beautiful|beau belle bel|<|clothes+land+present+house+picture+music+place+animal|
new|nouveau nouvelle nouvel|<|{_THINGS}+device+reading+place|newer
old|vieux vieille vieil|<|{_THINGS}+place+land+device|older
good|bon bonne|<|reading+show+dish+fruit+drink+music+meal|better:meilleur
bad|mauvais|<|reading+show+thought|
pretty|joli|<|clothes+present+house+land+picture|prettier
long|long longue|<|reading+land+show|longer
young|jeune|<|people+kin|
"""
_AFTER = f"""
red|rouge||{_THINGS}+openable|
blue|bleu||{_THINGS}+openable|
green|vert||{_THINGS}+openable|
yellow|jaune||{_THINGS}+openable|
black|noir||{_THINGS}+animal|
white|blanc blanche||{_THINGS}+animal+openable|
grey|gris||clothes+pair+vehicle+house+animal|
expensive|cher chère||carried+clothes+pair+vehicle+house+device+furniture|
cheap|bon marché bon marché||clothes+pair+carried|
interesting|intéressant||reading+show+thought+place|
boring|ennuyeux ennuyeuse||reading+show+place|
funny|drôle||reading+show|funnier
difficult|difficile||thought|
easy|facile||thought|easier
important|important||thought+reading|
simple|simple||thought|simpler
modern|moderne||house+place+furniture+device+picture|
comfortable|confortable||furniture+pair+room+vehicle|
heavy|lourd||carried+furniture+openable|heavier
light|léger légère||carried+clothes|lighter
warm|chaud||clothes+pair|warmer
hot|chaud||dish+drink|hotter
clean|propre||dishes+clothes+room+pair|cleaner
dirty|sale||dishes+clothes+room+pair+vehicle|
fresh|frais fraîche||fruit+dish|
famous|célèbre||place+picture+reading+music|
quiet|calme||land+place+room|quieter
useful|utile||carried+device+reading|
empty|vide||room+house+carried+dishes|
broken|cassé||device+furniture+dishes+carried|
round|rond||furniture+present+openable|
French|français||people+reading+show+dish+music|
English|anglais||people+reading+show+music|
Italian|italien italienne||people+reading+show+clothes+music+dish|
Spanish|espagnol||people+reading+show+music|
American|américain||people+show+vehicle+music|
"""
# said of people after `être`; `=` where the feminine is spelled like the masculine
_STATES = """
tired|fatigué||human|
happy|heureux heureuse||human|happier
sad|triste||human|sadder
ill|malade||human|
ready|prêt||human|
busy|occupé||human|
free|libre||human|
late|en retard en retard||human|
early|en avance en avance||human|
angry|en colère en colère||human|
worried|inquiet inquiète||human|
surprised|surpris||human|
proud|fier fière||human|prouder
calm|calme||human|calmer
alone|seul||human|
married|marié||human|
rich|riche||human|richer
strong|fort||human|stronger
tall|grand||human|taller
kind|gentil gentille||human|kinder
polite|poli||human|
patient|patient||human|
shy|timide||human|
serious|sérieux sérieuse||human|
curious|curieux curieuse||human|
honest|honnête||human|
generous|généreux généreuse||human|
lazy|paresseux paresseuse||human|lazier
brave|courageux courageuse||human|braver
intelligent|intelligent||human|
nice|sympathique||human|nicer
"""


class Adjective(NamedTuple):
    """An adjective of both languages."""

    en: str
    masculine: str
    feminine: str
    vowel: str
    before: bool
    themes: tuple[str, ...]
    comparative: str
    french_comparative: str

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
def described(theme: str) -> tuple[Adjective, ...]:
    """Return the adjectives that may stand beside a noun of this theme."""
    return tuple(entry for entry in _read(_NEAR) + _read(_AFTER) if theme in entry.themes)


@cache
def states(epicene: bool = False) -> tuple[Adjective, ...]:
    """Return what a person can be; `epicene` keeps those that do not show gender."""
    return tuple(entry for entry in _read(_STATES) if entry.epicene or not epicene)


@cache
def adjective(english: str) -> Adjective:
    """Return the adjective of this English word."""
    return next(entry for entry in _read(_STATES) + _read(_NEAR) + _read(_AFTER) if entry.en == english)


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
    comparative, _, suppletive = comparative.partition(":")
    return Adjective(
        english, forms[0], forms[1], forms[-1] if len(forms) > 2 else forms[0], place == "<",  # noqa: PLR2004
        tuple(themes.split("+")), comparative, suppletive,
    )  # fmt: skip
