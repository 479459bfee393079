# ruff: noqa: E501  (tables read better wide)
"""Fixed turns of everyday speech: states said with `avoir`, aches, greetings and short replies."""

# said of people after `be` in English and `avoir` in French
WITH_AVOIR = (
    "hungry/ADJ = faim/NOUN",
    "thirsty/ADJ = soif/NOUN",
    "sleepy/ADJ = sommeil/NOUN",
    "cold/ADJ = froid/NOUN",
    "hot/ADJ = chaud/NOUN",
    "afraid/ADJ = peur/NOUN",
    "right/ADJ = raison/NOUN",
    "wrong/ADJ = tort/NOUN",
    "lucky/ADJ = de/ADP la/DET chance/NOUN",
)
# said after `have` in English and `avoir` in French
ACHES = (
    "a/DET headache/NOUN = mal/NOUN à/ADP la/DET tête/NOUN",
    "a/DET toothache/NOUN = mal/NOUN à/ADP les/DET dents/NOUN",
    "a/DET stomach/NOUN ache/NOUN = mal/NOUN à/ADP le/DET ventre/NOUN",
    "a/DET sore/ADJ throat/NOUN = mal/NOUN à/ADP la/DET gorge/NOUN",
    "a/DET sore/ADJ back/NOUN = mal/NOUN à/ADP le/DET dos/NOUN",
    "a/DET cold/NOUN = un/DET rhume/NOUN",
    "a/DET fever/NOUN = de/DET la/DET fièvre/NOUN",
)
PROFESSIONS = [
    "doctor=médecin=médecin",
    "nurse=infirmier=infirmière",
    "lawyer=avocat=avocate",
    "baker=boulanger=boulangère",
    "teacher=professeur=professeure",
    "student=étudiant=étudiante",
    "actor=acteur=actrice",
    "singer=chanteur=chanteuse",
    "writer=écrivain=écrivaine",
    "engineer=ingénieur=ingénieure",
    "journalist=journaliste=journaliste",
    "dentist=dentiste=dentiste",
    "architect=architecte=architecte",
    "musician=musicien=musicienne",
    "hairdresser=coiffeur=coiffeuse",
    "farmer=agriculteur=agricultrice",
    "cook=cuisinier=cuisinière",
    "dancer=danseur=danseuse",
    "painter=peintre=peintre",
    "pilot=pilote=pilote",
    "photographer=photographe=photographe",
    "translator=traducteur=traductrice",
]
# spoken to someone called by name
GREETINGS = (
    "good/ADJ morning/NOUN = bonjour/INTJ", "good/ADJ/1 evening/NOUN/2 = bonsoir/INTJ/12",
    "good/ADJ/1 night/NOUN/2 = bonne/ADJ/1 nuit/NOUN/2", "hello/INTJ = salut/INTJ", "goodbye/INTJ = au/ADP revoir/NOUN",
    "thank/VERB you/PRON = merci/INTJ", "happy/ADJ/1 birthday/NOUN/2 = bon/ADJ/1 anniversaire/NOUN/2",
    "welcome/INTJ = bienvenue/INTJ", "good/ADJ/1 luck/NOUN/2 = bonne/ADJ/1 chance/NOUN/2",
    "congratulations/NOUN = félicitations/NOUN", "see/VERB/1 you/PRON/1 tomorrow/NOUN/2 = à/ADP/1 demain/ADV/2",
    "see/VERB/1 you/PRON/1 soon/ADV/2 = à/ADP/1 bientôt/ADV/2", "see/VERB/1 you/PRON/1 tonight/NOUN/2 = à/ADP/1 ce/DET/2 soir/NOUN/2",
    "sleep/VERB/1 well/ADV/2 = dors/VERB/1 bien/ADV/2", "be/AUX/1 careful/ADJ/2 = fais/VERB/1 attention/NOUN/2",
    "come/VERB/1 in/ADP/1 = entre/VERB/1", "wait/VERB/1 for/ADP/2 me/PRON/3 = attends/VERB/12 ~-/PUNCT/3 ~moi/PRON/3",
    "listen/VERB/1 to/ADP/1 me/PRON/2 = écoute/VERB/1 ~-/PUNCT/2 ~moi/PRON/2",
    "look/VERB/1 at/ADP/1 me/PRON/2 = regarde/VERB/1 ~-/PUNCT/2 ~moi/PRON/2",
    "follow/VERB/1 me/PRON/2 = suis/VERB/1 ~-/PUNCT/2 ~moi/PRON/2",
    "help/VERB/1 me/PRON/2 = aide/VERB/1 ~-/PUNCT/2 ~moi/PRON/2",
    "call/VERB/1 me/PRON/2 tonight/NOUN/3 = appelle/VERB/1 ~-/PUNCT/2 ~moi/PRON/2 ce/DET/3 soir/NOUN/3",
    "have/VERB/1 a/DET/2 good/ADJ/3 day/NOUN/4 = bonne/ADJ/23 journée/NOUN/14",
    "have/VERB/1 a/DET/2 good/ADJ/3 trip/NOUN/4 = bon/ADJ/23 voyage/NOUN/14",
    "have/VERB/1 a/DET/2 good/ADJ/3 weekend/NOUN/4 = bon/ADJ/23 week-end/NOUN/14",
    "of/ADP course/NOUN = bien/ADV sûr/ADJ", "I/PRON/1 agree/VERB/2 = je/PRON/1 suis/AUX/2 d'accord/NOUN/2",
    "don'/AUX/1 ~t/PART/2 worry/VERB/1 = ne/ADV/2 t'inquiète/VERB/1 pas/ADV/2",
    "I/PRON/1 don'/AUX/2 ~t/PART/3 know/VERB/2 = je/PRON/1 ne/ADV/3 sais/VERB/2 pas/ADV/3",
    "it/PRON/1 doesn'/AUX/2 ~t/PART/3 matter/VERB/2 = ce/PRON/1 n'est/AUX/23 pas/ADV/3 grave/ADJ/2",
    "what/DET/1 a/DET/1 pity/NOUN/2 = quel/DET/1 dommage/NOUN/2",
)  # fmt: skip
SHORT = (
    "yes/INTJ = oui/INTJ", "no/INTJ = non/INTJ", "perhaps/ADV = peut-être/ADV", "please/INTJ = s'il/PRON te/PRON plaît/VERB",
    "excuse/VERB/1 me/PRON/2 = excuse/VERB/1 ~-/PUNCT/2 ~moi/PRON/2", "enjoy/VERB/1 your/DET/2 meal/NOUN/2 = bon/ADJ/1 appétit/NOUN/2",
    "that/PRON/1 is/AUX/2 true/ADJ/3 = c'est/AUX/12 vrai/ADJ/3", "that/PRON/1 is/AUX/2 wrong/ADJ/3 = c'est/AUX/12 faux/ADJ/3",
    "it/PRON/1 is/AUX/2 too/ADV/3 late/ADV/4 = il/PRON/1 est/AUX/2 trop/ADV/3 tard/ADV/4",
    "be/AUX/1 quiet/ADJ/2 = tais/VERB/12 ~-/PUNCT/12 ~toi/PRON/12", "let'/VERB/1 ~s/PRON/1 go/VERB/2 = allons/VERB/12 ~-/PUNCT/2 ~y/PRON/2",
)  # fmt: skip
# weather: tense -> sentence
WEATHER = {
    "now": (
        "it/PRON/1 is/AUX/2 raining/VERB/2 = il/PRON/1 pleut/VERB/2", "it/PRON/1 is/AUX/2 snowing/VERB/2 = il/PRON/1 neige/VERB/2",
        "it/PRON/1 is/AUX/2 cold/ADJ/3 = il/PRON/1 fait/VERB/2 froid/ADJ/3", "it/PRON/1 is/AUX/2 hot/ADJ/3 = il/PRON/1 fait/VERB/2 chaud/ADJ/3",
        "it/PRON/1 is/AUX/2 windy/ADJ/3 = il/PRON/1 y/PRON/2 a/VERB/2 de/DET/3 le/DET/3 vent/NOUN/3",
        "it/PRON/1 is/AUX/2 foggy/ADJ/3 = il/PRON/1 y/PRON/2 a/VERB/2 de/DET/3 le/DET/3 brouillard/NOUN/3",
        "the/DET/1 weather/NOUN/1 is/AUX/2 nice/ADJ/3 = il/PRON/1 fait/VERB/2 beau/ADJ/3",
        "the/DET/1 weather/NOUN/1 is/AUX/2 bad/ADJ/3 = il/PRON/1 fait/VERB/2 mauvais/ADJ/3",
    ),
    "past": (
        "it/PRON/1 rained/VERB/2 = il/PRON/1 a/AUX/2 plu/VERB/2", "it/PRON/1 snowed/VERB/2 = il/PRON/1 a/AUX/2 neigé/VERB/2",
        "it/PRON/1 was/AUX/2 cold/ADJ/3 = il/PRON/1 faisait/VERB/2 froid/ADJ/3", "it/PRON/1 was/AUX/2 hot/ADJ/3 = il/PRON/1 faisait/VERB/2 chaud/ADJ/3",
        "it/PRON/1 was/AUX/2 windy/ADJ/3 = il/PRON/1 y/PRON/2 avait/VERB/2 de/DET/3 le/DET/3 vent/NOUN/3",
        "the/DET/1 weather/NOUN/1 was/AUX/2 nice/ADJ/3 = il/PRON/1 faisait/VERB/2 beau/ADJ/3",
        "it/PRON/1 didn'/AUX/2 ~t/PART/3 rain/VERB/4 = il/PRON/1 ne/ADV/3 a/AUX/2 pas/ADV/3 plu/VERB/4",
    ),
    "future": (
        "it/PRON/1 will/AUX/2 rain/VERB/2 = il/PRON/1 pleuvra/VERB/2", "it/PRON/1 will/AUX/2 snow/VERB/2 = il/PRON/1 neigera/VERB/2",
        "it/PRON/1 will/AUX/2 be/AUX/2 cold/ADJ/3 = il/PRON/1 fera/VERB/2 froid/ADJ/3", "it/PRON/1 will/AUX/2 be/AUX/2 hot/ADJ/3 = il/PRON/1 fera/VERB/2 chaud/ADJ/3",
        "the/DET/1 weather/NOUN/1 will/AUX/2 be/AUX/2 nice/ADJ/3 = il/PRON/1 fera/VERB/2 beau/ADJ/3",
        "it/PRON/1 is/AUX/2 going/VERB/2 to/PART/2 rain/VERB/3 = il/PRON/1 va/AUX/2 pleuvoir/VERB/3",
        "it/PRON/1 is/AUX/2 going/VERB/2 to/PART/2 snow/VERB/3 = il/PRON/1 va/AUX/2 neiger/VERB/3",
    ),
}  # fmt: skip
