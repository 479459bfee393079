"""Sentences about things, animals, places, the weather and the time."""

from attnrun.data.phrases.adverbials import DAYS, at_hour, hour, when
from attnrun.data.phrases.chunk import EMPTY, Chunk, glued, say, word
from attnrun.data.phrases.clause import NOWHERE, Predicate, Scene, clause
from attnrun.data.phrases.complements import fixed, slot, state_of
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.adjectives import Adjective, adjective, described
from attnrun.data.phrases.lexicon.idioms import WEATHER
from attnrun.data.phrases.lexicon.nouns import Noun, noun, nouns
from attnrun.data.phrases.lexicon.verbs import read
from attnrun.data.phrases.nominal import NUMBERS, Subject, noun_phrase, number
from attnrun.data.phrases.simple import BE, BE_FEELING, STOP, plainly, very
from attnrun.data.phrases.subjects import person, thing

_WHERE = (
    "on/ADP = sur/ADP", "under/ADP = sous/ADP", "behind/ADP = derrière/ADP",
    "in/ADP front/NOUN of/ADP = devant/ADP",
    "next/ADV/1 to/ADP/2 = à/ADP/1 côté/NOUN/1 de/ADP/2", "near/ADP = près/ADV de/ADP",
)  # fmt: skip


_ROOMS = {
    "dishes": "kitchen+dining room+living room",
    "pet": "garden+kitchen+living room+garage",
    "clothes": "bedroom+living room",
}
_FURNITURE = {
    "dishes": "table+cupboard",
    "pet": "table+chair+bed+sofa+armchair",
    "clothes": "chair+bed+sofa+armchair+wardrobe",
}


def place(dice: Dice, themes: str) -> Chunk:
    """Return where a thing lies: on the table, behind the sofa."""
    if dice.chance(0.3):
        return say("in/ADP = dans/ADP").then(
            noun_phrase("the", dice.pick(nouns(_ROOMS.get(themes, "cosy room"))))
        )
    furniture = dice.pick(nouns(_FURNITURE.get(themes, "table+chair+bed+sofa+desk+armchair+wardrobe")))
    where = dice.pick(_WHERE[:2] if themes in ("clothes", "dishes") else _WHERE)
    return say(where).then(noun_phrase("the", furniture))


def lying(dice: Dice) -> Chunk:
    """`Your keys are under the bed`."""
    themes = dice.pick(("carried", "clothes", "pair", "reading", "present", "dishes", "pet"))
    kind = "the" if themes == "dishes" else dice.pick(("the", "my", "your", "our"))
    subject = thing(dice, themes, kind)
    where = place(dice, themes)
    told = clause(
        dice,
        subject,
        Predicate(BE, (lambda dice, scene: where,)),
        dice.pick(("present", "present", "past")),
        "not" if dice.chance(0.15) else "",
    )
    return told.then(STOP)


def standing(dice: Dice) -> Chunk:
    """`The bank is opposite the station`."""
    one, other = dice.pick(nouns("place")), dice.pick(nouns("place+land"))
    while other.en in (one.en, "sea", "tree", "mountain", "field", "village", "city", "island"):
        other = dice.pick(nouns("place+land"))
    spec = dice.pick(
        (*_WHERE[2:], "opposite/ADP = en/ADP face/NOUN de/ADP", "far/ADV from/ADP = loin/ADV de/ADP")
    )
    where = say(spec).then(noun_phrase("the", other))
    subject = Subject(noun_phrase("the", one), 2, one.gender, "its")
    return clause(dice, subject, Predicate(BE, (lambda dice, scene: where,)), "present").then(STOP)


_ORIGINS = frozenset(["French", "English", "Italian", "Spanish", "American", "new", "old", "young"])


def quality(dice: Dice, chosen: Noun) -> Adjective:
    """Return an adjective that can be said of the noun after `be`."""
    return dice.pick(tuple(entry for entry in described(chosen) if entry.en not in _ORIGINS))


def describing(dice: Dice) -> Chunk:
    """`This dress is too expensive`."""
    themes = dice.pick(
        (
            "clothes",
            "pair",
            "vehicle",
            "reading",
            "show",
            "house",
            "thought",
            "furniture",
            "carried",
            "fruit",
            "picture",
            "room",
            "device",
            "present",
            "openable",
            "dishes",
        )
    )
    chosen = dice.pick(nouns(themes))
    kind = dice.pick(
        ("the", "this", "my", "your")
        if themes in ("clothes", "pair", "vehicle", "carried")
        else ("the", "this")
    )
    many = chosen.only_plural or (chosen.countable and dice.chance(0.3))
    subject = Subject(noun_phrase(kind, chosen, many), 5 if many else 2, chosen.gender, "its")
    said = quality(dice, chosen)
    done = Predicate(BE, (very(said) if dice.chance(0.5) else plainly(said),))
    tense, negation = dice.pick(("present", "present", "past")), "not" if dice.chance(0.2) else ""
    return clause(dice, subject, done, tense, negation).then(STOP)


def there_is(dice: Dice) -> Chunk:
    """`There are three cups on the table`, `There isn't any milk in the fridge`."""
    themes = dice.pick(("dish+drink", "fruit", "carried", "dishes", "reading", "animal", "present"))
    chosen = dice.pick(nouns(themes))
    negated, be, neg = dice.chance(0.3), object(), object()
    many = chosen.countable and dice.chance(0.6)
    kind = (
        "any"
        if negated
        else "some"
        if not chosen.countable or dice.chance(0.3)
        else number(dice)
        if many
        else "a"
    )
    if kind == "some" and chosen.countable:
        many = True
    if kind == "a" or not chosen.countable:
        many = False
    english, french = dice.pick((("is", "a"), ("was", "avait")))
    english = {"is": "are", "was": "were"}[english] if many else english
    en = word("there", "PRON", be) + word(english + "n'" * negated, "AUX", be)
    fr = word("il", "PRON", be)
    if negated:
        en += (glued("t", "PART", neg),)
        fr += word("ne", "ADV", neg)
    fr += word("y", "PRON", be) + word(french, "VERB", be) + (word("pas", "ADV", neg) if negated else ())
    where = place(dice, themes) if themes not in ("dish+drink", "fruit") else say(dice.pick(_KITCHEN))
    if themes == "animal":
        where = say("in/ADP = dans/ADP").then(
            noun_phrase("the", noun(dice.pick(("garden", "field", "forest", "street", "park"))))
        )
    return Chunk(en, fr).then(noun_phrase(kind, chosen, many), where, STOP)


_KITCHEN = (
    "in/ADP/1 the/DET/2 fridge/NOUN/3 = dans/ADP/1 le/DET/2 frigo/NOUN/3",
    "on/ADP/1 the/DET/2 table/NOUN/3 = sur/ADP/1 la/DET/2 table/NOUN/3",
    "in/ADP/1 the/DET/2 kitchen/NOUN/3 = dans/ADP/1 la/DET/2 cuisine/NOUN/3",
    "in/ADP/1 the/DET/2 cupboard/NOUN/3 = dans/ADP/1 le/DET/2 placard/NOUN/3",
)


def weather(dice: Dice) -> Chunk:
    """`It will rain in Paris tomorrow`."""
    tense = dice.pick(("now", "past", "future"))
    where = dice.pick((EMPTY, slot("in.city")(dice, NOWHERE), slot("in.country")(dice, NOWHERE)))
    at = when(dice, {"now": "progressive"}.get(tense, tense)) if dice.chance(0.7) else EMPTY
    return say(dice.pick(WEATHER[tense])).then(where, at, STOP)


def clock(dice: Dice) -> Chunk:
    """`It is half past six`, `The train leaves at noon`."""
    if dice.chance(0.2):
        return say("it/PRON/1 is/AUX/2 = il/PRON/1 est/AUX/2").then(hour(dice), STOP)
    themes, line = dice.pick((
        ("transport", "leave left|partir|m|"), ("transport", "arrive|arriver|m|"),
        ("screen+stage", "start|commencer|m|"),
        ("screen+stage", "finish|se terminer|m|"), ("workplace+leisure", "open|ouvrir|m|"),
        ("workplace+leisure", "close|fermer|m|"),
    ))  # fmt: skip
    subject = thing(dice, themes, "the", 0, 0)
    while subject.chunk.en[-1].text in (
        "taxi",
        "underground",
        "beach",
        "castle",
        "farm",
        "exhibition",
        "airport",
        "hospital",
        "office",
        "hotel",
    ):
        subject = thing(dice, themes, "the", 0, 0)
    tense = dice.pick(("present", "past", "future"))
    told = clause(dice, subject, Predicate(read(line)), tense)
    at = at_hour(dice)
    day = _day(dice, tense) if dice.chance(0.5) else EMPTY
    return Chunk(told.en + at.en + day.en, told.fr + day.fr + at.fr).then(STOP)


def _day(dice: Dice, tense: str) -> Chunk:
    """Return `on Mondays`, `last Monday` or `next Monday`."""
    english, french = dice.pick(DAYS)
    if tense == "present":
        return say(f"on/ADP/1 {english}s/PROPN/2 = le/DET/1 {french}/NOUN/2")
    earlier = "last/ADJ/1 {}/PROPN/2 = {}/NOUN/2 dernier/ADJ/1"
    later = "next/ADJ/1 {}/PROPN/2 = {}/NOUN/2 prochain/ADJ/1"
    return say((earlier if tense == "past" else later).format(english, french))


_ELDERS = frozenset(
    [
        "mother",
        "father",
        "grandmother",
        "grandfather",
        "boss",
        "husband",
        "wife",
        "uncle",
        "aunt",
        "colleague",
    ]
)


def amount(dice: Dice) -> Chunk:
    """Ages and prices."""
    place_ = dice.below(len(NUMBERS))
    english, french = NUMBERS[place_]
    if dice.chance(0.5):
        subject = person(dice)
        while subject.chunk.en[0].text == "the" or (
            subject.chunk.en[-1].text in _ELDERS and len(NUMBERS) - 4 > place_
        ):
            subject = person(dice)
        age = f"{english}/NUM/1 years/NOUN/2 old/ADJ/3 = {french}/NUM/1 ans/NOUN/23"
        return clause(
            dice, subject, Predicate(BE_FEELING, (fixed(age),)), dice.pick(("present", "present", "past"))
        ).then(STOP)
    subject = thing(dice, "clothes+pair+carried+present+dishes+printed", dice.pick(("the", "this")))
    price = f"{english}/NUM/1 euros/NOUN/2 = {french}/NUM/1 euros/NOUN/2"
    return clause(
        dice, subject, Predicate(read("cost cost cost|coûter|s|"), (fixed(price),)), "present"
    ).then(STOP)


_BEASTS = (
    ("pet", "sleep slept|dormir||", "place"), ("pet", "hide hid hidden|se cacher||", "place"),
    ("pet+farm animal", "eat ate eaten|manger||", "garden"), ("animal", "run ran run|courir||", "in.park"),
    ("pet", "drink drank drunk|boire||", "drink"), ("pet+young", "play|jouer||", "in.park"),
    ("vehicle", "be was been|être|s|", "front"), ("transport", "be was been|être|s|", "late"),
    ("young", "play|jouer||", "garden"), ("young", "laugh|rire||", "garden"),
    ("young", "swim swam swum|nager||", "in.water"),
    ("young", "draw drew drawn|dessiner||", "some.animal"), ("young", "eat ate eaten|manger||", "some.fruit"),
    ("young", "sing sang sung|chanter||", "a.song"), ("animal", "sleep slept|dormir||", "field"),
)  # fmt: skip


def beast(dice: Dice) -> Chunk:
    """Animals and vehicles do what they do."""
    themes, line, where = dice.pick(_BEASTS)
    verb, subject = (
        read(line),
        thing(
            dice,
            themes,
            dice.pick(
                ("the", "my", "our", "this")
                if themes in ("pet", "vehicle", "pet+farm animal")
                else ("the", "this")
            ),
        ),
    )
    tense = (
        dice.pick(("present", "past"))
        if verb.state
        else dice.pick(("past", "progressive", "imperfect", "future"))
    )
    if where == "place":
        spot = place(dice, themes)
    elif where == "drink":
        spot = noun_phrase("some", noun(dice.pick(("water", "milk"))))
    elif where in ("garden", "field"):
        spot = say("in/ADP = dans/ADP").then(noun_phrase("the", noun(where)))
    elif where == "front":
        spot = say(dice.pick(_WHERE[2:])).then(noun_phrase("the", dice.pick(nouns("place"))))
    elif where == "late":
        spot = state_of(subject, adjective(dice.pick(("late", "early"))))
    else:
        spot = slot(where)(dice, Scene(subject, tense, ""))
    return clause(dice, subject, Predicate(verb, (lambda dice, scene: spot,)), tense).then(
        when(dice, tense) if dice.chance(0.5) and not verb.state else EMPTY, STOP)  # fmt: skip
