"""The YAML files of configs/attention: each names a score, its keys and where it comes from."""

import inspect
import re
from pathlib import Path

import attnrun.attention
from attnrun.attention import Kernel, Score

CONFIGS = Path(__file__).parents[2] / "configs" / "attention"


def test_the_header_says_what_it_is_and_where_from(recipe):
    what, source, *_ = (CONFIGS / f"{recipe.name}.yaml").read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"# what: \S.{9,90}", what)
    assert re.fullmatch(r"# source: \S.*\d{4}.*|# source: \S.*section \S.*", source)


def test_the_name_has_hyphens_and_the_keys_are_those_of_the_score(recipe):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", recipe.name)
    parameters = inspect.signature(recipe.target).parameters
    keys = {name for name, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    assert set(recipe.keys) <= keys
    annotated = inspect.get_annotations(recipe.target.__init__)
    assert all(not isinstance(annotated[name], str) for name in keys)  # the bridge reads the types


def test_a_width_is_learned_where_the_name_says_so(recipe):
    if issubclass(recipe.target, Kernel):
        assert bool(list(recipe(1, 1).parameters())) == recipe.name.endswith("-learned")


def test_every_public_score_has_a_file():
    public = {getattr(attnrun.attention, name) for name in attnrun.attention.__all__}
    scores = {c for c in public if isinstance(c, type) and issubclass(c, Score) and not inspect.isabstract(c)}
    texts = [path.read_text(encoding="utf-8") for path in CONFIGS.glob("*.yaml")]
    missing = [c.__name__ for c in scores if not any(f"attention.{c.__name__}\n" in text for text in texts)]
    assert not missing
