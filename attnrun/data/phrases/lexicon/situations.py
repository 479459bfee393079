# ruff: noqa: E501  (tables read better wide)
"""What leads to what: states of a person and of the weather with what a person then does.

A predicate reads `verb particle:french/slot,slot`; `is X` is an adjective, `feels X` a state said with avoir.
"""

# cause : effects
_PERSONAL = """
is tired : go to_bed; rest; stay/at.home; go home/by.transport; sleep/in.bed; want:inf rest; drink:boire/some.coffee
feels hungry : eat/some.dish; eat/a.fruit; buy/some.fruit+dish; make/gen.meal; go/to.restaurant; go/to.bakery; eat/a.sandwich
feels thirsty : drink/some.drink; buy/some.drink; open/def.fridge; drink/some.water
feels cold : put on/my.coat; close/def.window; close/def.door; put on/my.glove; drink/some.tea; put on/my.jumper; wear/a.scarf
feels hot : open/def.window; take off/my.coat; drink/some.water; swim/in.water; take off/my.jumper; buy/some.ice cream; open/def.door
feels sleepy : go to_bed; drink/some.coffee; rest; go home/by.transport
is ill : stay/at.home; call/def.doctor; call/my.mother; rest; not go/to.office; not go/to.school; not eat/some.dish; go/to.pharmacy
is late : hurry; take/a.taxi; run/to.station; take/def.bus; call/my.boss; run/to.school
is happy : sing/a.song; dance; smile; laugh/with.person; invite/my.friend
is sad : cry/in.bedroom; call/my.friend; listen to/the.music; not speak to/person; listen to/a.song
is worried : call/def.doctor; call/my.mother; call/my.father; not sleep; not smile
is busy : not answer/the.question; stay/at.office; not go out/with.person; not watch/the.screen; work/at.office; not visit/def.museum+castle+church+zoo
is free : go out/with.person; go/to.place; visit/def.museum+castle+church+zoo; help/person; call/person; go/to.cinema
is rich : travel/in.country; buy/a.home; buy/a.vehicle; not work; build/a.home
is shy : not dance; not speak to/person; not sing/a.song; not smile
is curious : read/the.reading; open/def.box; visit/def.museum; read/a.novel
is polite : thank/person; smile; help/person; wait for/person
is kind : help/person; smile; give/some.present,to.person; invite/person; bring/some.present,to.person
is angry : close/def.door; not speak to/person; not smile; not answer/the.question; go home/by.transport
is proud : show/my.picture,to.person; smile; call/my.mother; show/my.drawing,to.person
is lazy : not work; not do/my.homework; not wash/my.vehicle; stay/at.home; not clean/def.room
is generous : give/some.present,to.person; pay for/def.dinner+lunch; invite/person; lend/my.vehicle,to.person
has a headache : rest; go to_bed; not read/the.reading; not watch/the.screen; stay/in.bedroom; not work; not listen to/the.music
has a sore throat : drink/some.tea; not sing/a.song; not sing/a.song; call/def.doctor; eat/some.honey
has a fever : go to_bed; call/def.doctor; not go/to.school; stay/in.bedroom; rest; not go/to.office
has an exam : study/gen.subject; not go out/with.person; read/the.book; study/gen.language; not watch/the.screen; get up
has a meeting : hurry; go/to.office; wear/a.suit; take/def.train; get up; wear/a.tie
likes music : listen to/def.radio; play:jouer de/def.instrument; go/to.theatre; sing/a.song; buy/some.record; dance
likes animals : visit/def.zoo; feed/the.pet; photograph/the.animal; draw/some.animal; help/def.farmer
likes books : read/a.novel; go/to.library; buy/some.book; read/some.reading; write/a.poem; write/some.story
loves sport : play:jouer à/gen.sport; run/in.park; swim/in.water; go/to.stadium; watch/the.match; go/to.swimming pool
has no money : not buy/a.clothes+carried; not rent/a.vehicle; not travel/in.country; not go/to.restaurant; stay/at.home; sell/my.vehicle
has no time : not read/the.reading; not cook/with.person; not watch/the.screen; not visit/def.museum+castle+church+zoo; not rest; hurry
"""
_WEATHER = """
rain : take/my.umbrella; stay/at.home; put on/my.raincoat; put on/my.boot; close/def.window; not go out/with.person; take/def.bus; not walk/in.park; wear/a.raincoat; play:jouer à/gen.cards; read/a.book
snow : wear/some.glove; put on/my.scarf; put on/my.boot; stay/at.home; take/def.underground; play:jouer/in.garden; not drive/the.motor; photograph/def.forest; take/def.train
cold : wear/a.coat; put on/my.glove; drink/some.hot chocolate; close/def.window; not swim/in.water; stay/at.home; put on/my.cap
hot : swim/in.water; open/def.window; eat/some.ice cream; drink/some.water; wear/a.hat; go/to.beach; take off/my.jacket; rest/in.garden
nice : go/to.beach; walk/in.park; go out/with.person; run/in.park; work/in.garden; play:jouer à/gen.sport; wash/my.car; go/to.zoo; visit/def.castle
windy : stay/at.home; close/def.window; put on/my.cap; not go out/with.person; wear/a.scarf; close/def.door
"""
# the weather as a cause, in the tenses: present, past, after `when` with a future to follow
WEATHER = {
    "rain": (
        "it/PRON/1 is/AUX/2 raining/VERB/2 = il/PRON/1 pleut/VERB/2",
        "it/PRON/1 was/AUX/2 raining/VERB/2 = il/PRON/1 pleuvait/VERB/2",
        "it/PRON/1 rains/VERB/2 = il/PRON/1 pleut/VERB/2",
    ),
    "snow": (
        "it/PRON/1 is/AUX/2 snowing/VERB/2 = il/PRON/1 neige/VERB/2",
        "it/PRON/1 was/AUX/2 snowing/VERB/2 = il/PRON/1 neigeait/VERB/2",
        "it/PRON/1 snows/VERB/2 = il/PRON/1 neige/VERB/2",
    ),
    "cold": ("it/PRON/1 {}/AUX/2 cold/ADJ/3 = il/PRON/1 {}/VERB/2 froid/ADJ/3",),
    "hot": ("it/PRON/1 {}/AUX/2 hot/ADJ/3 = il/PRON/1 {}/VERB/2 chaud/ADJ/3",),
    "nice": ("the/DET/1 weather/NOUN/1 {}/AUX/2 nice/ADJ/3 = il/PRON/1 {}/VERB/2 beau/ADJ/3",),
    "windy": ("it/PRON/1 {}/AUX/2 windy/ADJ/3 = il/PRON/1 y/PRON/2 {}/VERB/2 de/DET/3 le/DET/3 vent/NOUN/3",),
}
# a day in order; two or three neighbours make a sentence
ROUTINE = (
    "wake up", "get up", "get dressed", "make/gen.breakfast", "drink/some.coffee", "read/the.newspaper", "take/def.transport",
    "arrive/at.workplace", "work/at.workplace", "call/person", "have lunch/with.person", "buy/some.fruit+dish",
    "go home/by.transport", "clean/def.room", "feed/the.pet", "do/my.homework", "make/gen.dinner", "wash/the.dishes",
    "watch/the.screen", "listen to/the.music", "read/a.reading", "go to_bed",
)  # fmt: skip


def _read(table: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    rows = (line.split(" : ") for line in table.strip().splitlines())
    return tuple((cause, tuple(effects.split("; "))) for cause, effects in rows)


PERSONAL = _read(_PERSONAL)
OUTDOORS = _read(_WEATHER)
