"""Adverbs of time by tense, and clock times, days and months."""

from attnrun.data.phrases.chunk import EMPTY, Chunk, say
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.nominal import NUMBERS

_DAYS = (
    "Monday=lundi Tuesday=mardi Wednesday=mercredi Thursday=jeudi "
    "Friday=vendredi Saturday=samedi Sunday=dimanche"
)
DAYS = tuple(tuple(entry.split("=")) for entry in _DAYS.split())
_MONTHS = (
    "January=janvier February=février March=mars April=avril May=mai June=juin July=juillet August=août "
    "September=septembre October=octobre November=novembre December=décembre"
)
MONTHS = tuple(tuple(entry.split("=")) for entry in _MONTHS.split())
SEASONS = (
    "in/ADP/1 summer/NOUN/2 = en/ADP/1 été/NOUN/2",
    "in/ADP/1 winter/NOUN/2 = en/ADP/1 hiver/NOUN/2",
    "in/ADP/1 autumn/NOUN/2 = en/ADP/1 automne/NOUN/2",
    "in/ADP/1 spring/NOUN/2 = à/ADP/1 le/DET/1 printemps/NOUN/2",
)
_PAST = (
    "yesterday/NOUN = hier/ADV",
    "last/ADJ/1 night/NOUN/2 = hier/ADV/1 soir/NOUN/2",
    "yesterday/NOUN/1 morning/NOUN/2 = hier/ADV/1 matin/NOUN/2",
    "this/DET/1 morning/NOUN/2 = ce/DET/1 matin/NOUN/2",
)
_LONG_PAST = (
    "last/ADJ/1 week/NOUN/2 = la/DET/2 semaine/NOUN/2 dernière/ADJ/1",
    "last/ADJ/1 month/NOUN/2 = le/DET/2 mois/NOUN/2 dernier/ADJ/1",
    "last/ADJ/1 year/NOUN/2 = l'/DET/2 année/NOUN/2 dernière/ADJ/1",
    "last/ADJ/1 summer/NOUN/2 = l'/DET/2 été/NOUN/2 dernier/ADJ/1",
    "last/ADJ/1 winter/NOUN/2 = l'/DET/2 hiver/NOUN/2 dernier/ADJ/1",
)
_UNITS = ("days=jours", "hours=heures")
_LONG_UNITS = ("weeks=semaines", "months=mois", "years=ans")
_FUTURE = (
    "tomorrow/NOUN = demain/ADV",
    "tonight/NOUN = ce/DET soir/NOUN",
    "soon/ADV = bientôt/ADV",
    "tomorrow/NOUN/1 morning/NOUN/2 = demain/ADV/1 matin/NOUN/2",
    "tomorrow/NOUN/1 evening/NOUN/2 = demain/ADV/1 soir/NOUN/2",
    "this/DET/1 afternoon/NOUN/2 = cet/DET/1 après-midi/NOUN/2",
)
_LONG_FUTURE = (
    "next/ADJ/1 week/NOUN/2 = la/DET/2 semaine/NOUN/2 prochaine/ADJ/1",
    "next/ADJ/1 month/NOUN/2 = le/DET/2 mois/NOUN/2 prochain/ADJ/1",
    "next/ADJ/1 year/NOUN/2 = l'/DET/2 année/NOUN/2 prochaine/ADJ/1",
    "next/ADJ/1 summer/NOUN/2 = l'/DET/2 été/NOUN/2 prochain/ADJ/1",
    "next/ADJ/1 winter/NOUN/2 = l'/DET/2 hiver/NOUN/2 prochain/ADJ/1",
)
_HABIT = (
    "every/DET/1 day/NOUN/2 = tous/DET/1 les/DET/1 jours/NOUN/2",
    "every/DET/1 morning/NOUN/2 = tous/DET/1 les/DET/1 matins/NOUN/2",
    "every/DET/1 evening/NOUN/2 = tous/DET/1 les/DET/1 soirs/NOUN/2",
    "every/DET/1 week/NOUN/2 = toutes/DET/1 les/DET/1 semaines/NOUN/2",
    "in/ADP/1 the/DET/1 afternoon/NOUN/2 = l'/DET/1 après-midi/NOUN/2",
    "at/ADP/1 the/DET/2 weekend/NOUN/3 = le/DET/12 week-end/NOUN/3",
    "once/ADV/1 a/DET/2 week/NOUN/3 = une/DET/1 fois/NOUN/1 par/ADP/2 semaine/NOUN/3",
    "twice/ADV/1 a/DET/2 month/NOUN/3 = deux/NUM/1 fois/NOUN/1 par/ADP/2 mois/NOUN/3",
)
_NOW = (
    "now/ADV = maintenant/ADV",
    "at/ADP/1 the/DET/2 moment/NOUN/3 = en/ADP/1 ce/DET/2 moment/NOUN/3",
    "today/NOUN = aujourd'hui/ADV",
)
FREQUENCY = (
    "often/ADV = souvent/ADV",
    "always/ADV = toujours/ADV",
    "sometimes/ADV = parfois/ADV",
    "rarely/ADV = rarement/ADV",
)
_HOURS = (
    "six=six seven=sept eight=huit nine=neuf ten=dix eleven=onze two=deux three=trois four=quatre five=cinq"
)
HOURS = tuple(tuple(entry.split("=")) for entry in _HOURS.split())


def hour(dice: Dice, half: bool = True) -> Chunk:
    """Return a time of day: noon, midnight, seven o'clock, half past six, a quarter to ten."""
    english, french = dice.pick(HOURS)
    roll = dice.below(12)
    if roll == 0:
        return say(dice.pick(("noon/NOUN = midi/NOUN", "midnight/NOUN = minuit/NOUN")))
    if roll == 1 and half:
        return say(
            f"half/NOUN/1 past/ADP/1 {english}/NUM/2 = {french}/NUM/2 heures/NOUN/2 et/CCONJ/1 demie/NOUN/1"
        )
    if roll == 2 and half:
        spec = f"a/DET/1 quarter/NOUN/1 past/ADP/2 {english}/NUM/3 = {french}/NUM/3 heures/NOUN/3"
        return say(spec + " et/CCONJ/2 quart/NOUN/1")
    if roll == 3 and half:
        spec = f"a/DET/1 quarter/NOUN/1 to/ADP/2 {english}/NUM/3 = {french}/NUM/3 heures/NOUN/3"
        return say(spec + " moins/ADP/2 le/DET/1 quart/NOUN/1")
    return say(f"{english}/NUM/1 o'clock/NOUN/2 = {french}/NUM/1 heures/NOUN/2")


def at_hour(dice: Dice) -> Chunk:
    """Return `at eight o'clock`."""
    return say("at/ADP = à/ADP").then(hour(dice))


def when(dice: Dice, tense: str, flags: str = "") -> Chunk:
    """Return an adverbial of time that fits the tense and the flags of the verb, or nothing."""
    long = "l" in flags and dice.chance(0.7)
    if tense == "past":
        return _past(dice, long, "d" in flags)
    if tense in ("future", "near"):
        return _future(dice, long, "d" in flags)
    if tense == "habit":
        return say(_HABIT[dice.below(3)]) if "d" in flags else _habit(dice)
    if tense == "progressive":
        return say(dice.pick(_NOW)) if dice.chance(0.5) else EMPTY
    if tense == "imperfect":
        return at_hour(dice)
    return EMPTY


def _past(dice: Dice, long: bool, daily: bool) -> Chunk:
    roll = dice.below(10)
    if daily and roll < 8:
        return say(_PAST[0])
    if roll < 6:
        return say(dice.pick(_LONG_PAST if long else _PAST))
    if roll < 8:
        english, french = NUMBERS[dice.below(9)]
        unit, unite = dice.pick(_LONG_UNITS if long else _UNITS).split("=")
        return say(
            f"{english}/NUM/1 {unit}/NOUN/2 ago/ADV/3"
            f" = il/PRON/3 y/PRON/3 a/VERB/3 {french}/NUM/1 {unite}/NOUN/2"
        )
    english, french = dice.pick(DAYS)
    return say(f"last/ADJ/1 {english}/PROPN/2 = {french}/NOUN/2 dernier/ADJ/1")


def _future(dice: Dice, long: bool, daily: bool) -> Chunk:
    roll = dice.below(10)
    if daily and roll < 7:
        return say(_FUTURE[0])
    if roll < 5:
        return say(dice.pick(_LONG_FUTURE if long else _FUTURE))
    if roll < 7:
        english, french = NUMBERS[dice.below(9)]
        unit, unite = dice.pick(_LONG_UNITS if long else _UNITS).split("=")
        return say(f"in/ADP/1 {english}/NUM/2 {unit}/NOUN/3 = dans/ADP/1 {french}/NUM/2 {unite}/NOUN/3")
    if long:
        english, french = dice.pick(MONTHS)
        return say(f"in/ADP/1 {english}/PROPN/2 = en/ADP/1 {french}/NOUN/2")
    english, french = dice.pick(DAYS)
    return say(f"next/ADJ/1 {english}/PROPN/2 = {french}/NOUN/2 prochain/ADJ/1")


def _habit(dice: Dice) -> Chunk:
    roll = dice.below(10)
    if roll < 6:
        return say(dice.pick(_HABIT))
    if roll < 9:
        english, french = dice.pick(DAYS)
        return say(f"on/ADP/1 {english}s/PROPN/2 = le/DET/1 {french}/NOUN/2")
    return say(dice.pick(SEASONS))
