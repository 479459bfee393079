"""A bench of toy sizes on a small corpus."""

import pytest

from attnrun.bench.sizes import TOY
from attnrun.bench.works import Bench
from tests.bench.small import use_small_corpus


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench((), TOY)
    with pytest.MonkeyPatch.context() as patch:
        use_small_corpus(patch, tmp_path_factory)
        made.texts()
    return made
