"""The report in a real browser: Chromium, without a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kt_evolution
from kt_evolution.reporting import write_report
from kt_evolution.reporting.figures.landscape import contours_of
from kt_evolution.reporting.reading import read_search
from kt_evolution.reporting.report import SECTIONS
from tests.reporting import fidelities
from tests.reporting import projects
from tests.tuner.tuner_helpers import FIT
from tests.tuner.tuner_helpers import build_dense

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright drives the browser"
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.later,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium: apt-get install chromium"
    ),
]
# Parallel coordinates are drawn by WebGL, which is software here.
ARGUMENTS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
DESKTOP = {"viewport": {"width": 1200, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Opens a file, and in the end looks at what went wrong meanwhile."""
    contexts, wrong = [], []

    def visit(path, **options):
        context = browser.new_context(**{**DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda said: (
                wrong.append(said.text) if said.type == "error" else None
            ),
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("file:", "blob:", "data:"))
                else wrong.append(request.url)
            ),
        )
        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A real search, with epochs and an architecture."""
    folder = tmp_path_factory.mktemp("trained")
    tuner = kt_evolution.EvolutionTuner(
        build_dense,
        objective="val_loss",
        max_trials=12,
        seed=0,
        directory=folder,
        project_name="p",
    )
    tuner.search(**{**FIT, "epochs": 2})
    return tuner.report(folder / "report.html")


@pytest.fixture(scope="module")
def trade_off(several, tmp_path_factory):
    return write_report(several, tmp_path_factory.mktemp("several") / "r.html")


def see_all(page):
    """Scrolls to each figure, and returns the names of those drawn."""
    names = []
    for card in page.locator(".card:has(.figure)").all():
        card.scroll_into_view_if_needed()
        figure = card.locator(".figure")
        figure.locator(".main-svg").first.wait_for(state="attached")
        box = figure.bounding_box()
        assert box["width"] > 200 and box["height"] > 90
        names.append(card.get_attribute("id"))
    return [name for name in names if name not in ("best", "trials")]


def column(page, name):
    """Returns what the rows that are shown have in a column."""
    headers = page.locator(".trials th").all_inner_texts()
    number = next(i for i, h in enumerate(headers) if h.split()[0] == name)
    cells = page.locator(f".trials tbody tr td:nth-child({number + 1}):visible")
    return cells.all_inner_texts()


def test_every_figure_of_a_real_search(visit, trained):
    names = see_all(visit(trained))
    every = {section.name for section in SECTIONS}
    assert set(names) == every - {"pareto_front", "rungs"}


@pytest.mark.parametrize(
    ("options", "scheme"),
    [(DESKTOP, "light"), (PHONE, "dark")],
    ids=["desktop", "phone"],
)
def test_every_figure_of_a_trade_off(visit, trade_off, options, scheme):
    page = visit(trade_off, color_scheme=scheme, **options)
    every = {section.name for section in SECTIONS}
    assert set(see_all(page)) == every - {"learning_curves", "rungs"}
    # Nothing but figures and tables of their own is wider than the screen.
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == options["viewport"]["width"]


def test_a_click_sorts_and_another_turns_it_round(visit, trained):
    page = visit(trained)
    assert column(page, "rank")[0].startswith("1")
    button = page.get_by_role("button", name="val_loss", exact=True)
    header = page.locator(".trials th", has=button)
    button.click()
    # While figures are drawn the page may be slow to follow.
    header.and_(page.locator("[aria-sort=ascending]")).wait_for()
    scores = [float(cell) for cell in column(page, "val_loss")]
    assert scores == sorted(scores)
    button.click()
    header.and_(page.locator("[aria-sort=descending]")).wait_for()
    turned = [float(cell) for cell in column(page, "val_loss")]
    assert turned == sorted(scores, reverse=True)


def test_what_has_no_value_comes_last(visit, trade_off):
    page = visit(trade_off)
    button = page.get_by_role("button", name="momentum", exact=True)
    for _ in range(2):
        button.click()
        cells = column(page, "momentum")
        first_empty = cells.index("")
        assert first_empty > 0
        assert set(cells[first_empty:]) == {""}


def test_the_table_is_filtered(visit, trade_off):
    page = visit(trade_off)
    page.locator("#filter").fill("crossover + mutation")
    assert set(column(page, "made")) == {"crossover + mutation"}
    page.locator("#filter").fill("")
    assert len(column(page, "made")) == 60


def test_a_point_tells_of_its_trial(visit, trained):
    page = visit(trained)
    card = page.locator("#best_so_far")
    card.scroll_into_view_if_needed()
    point = card.locator(".scatterlayer path.point").first
    point.wait_for()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    hover = card.locator(".hoverlayer .hovertext").first
    hover.wait_for()
    assert "Trial" in hover.text_content()
    assert "units = " in hover.text_content()


def test_another_family_tree_can_be_chosen(visit, trade_off):
    page = visit(trade_off)
    card = page.locator("#family_tree")
    card.scroll_into_view_if_needed()
    card.locator(".scatterlayer path.point").first.wait_for()
    before = card.locator(".scatterlayer").inner_html()
    card.locator("select").select_option(index=3)
    page.wait_for_timeout(300)
    assert card.locator(".scatterlayer").inner_html() != before


def test_light_and_dark_follow_the_system_and_the_button(visit, trade_off):
    page = visit(trade_off, color_scheme="dark")

    def background():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = background()
    page.locator("#theme").click()
    light = background()
    assert dark != light
    assert (
        visit(trade_off, color_scheme="light").evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        == light
    )
    page.locator("#theme").click()
    assert background() == dark


def test_printing_draws_every_figure_light_and_within_the_paper(
    visit, trained, tmp_path
):
    # Nothing was scrolled into view, and the screen is dark.
    page = visit(trained, color_scheme="dark")
    page.wait_for_load_state()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    figures = page.locator(".figure")
    drawn = figures.evaluate_all(
        "all => all.map(one => one.querySelector('.main-svg')?.clientWidth)"
    )
    assert len(drawn) > 8
    # A4 is 794 pixels wide, with its margins.
    assert all(width and width <= 660 for width in drawn)
    assert page.locator("html").get_attribute("data-theme") == "light"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    pdf = page.pdf(path=tmp_path / "r.pdf", print_background=True)
    # Each figure is many lines.
    assert len(pdf) > 60_000


def test_a_family_tree_is_read_without_pointing_at_it(visit, trade_off):
    page = visit(trade_off, **PHONE)
    card = page.locator("#family_tree")
    card.scroll_into_view_if_needed()
    card.locator(".scatterlayer .textpoint").first.wait_for()
    texts = card.locator(".scatterlayer .textpoint text").all()
    width = card.bounding_box()
    for text in texts:
        box = text.bounding_box()
        assert width["x"] <= box["x"]
        assert box["x"] + box["width"] <= width["x"] + width["width"]
        assert "trial" in text.text_content()


def test_a_family_tree_fills_the_card_of_a_desktop(visit, trade_off):
    page = visit(trade_off)
    card = page.locator("#family_tree")
    card.scroll_into_view_if_needed()
    card.locator(".scatterlayer .textpoint").first.wait_for()
    width = card.bounding_box()
    boxes = [
        text.bounding_box()
        for text in card.locator(".scatterlayer .textpoint text").all()
    ]
    ends = [box["x"] + box["width"] for box in boxes]
    assert width["x"] + width["width"] / 2 < max(ends)
    assert max(ends) <= width["x"] + width["width"]
    assert " of " in card.locator(".scatterlayer").text_content()


def test_notes_and_titles_are_within_the_screen_of_a_phone(visit, trade_off):
    page = visit(trade_off, **PHONE)
    card = page.locator("#gene_importance")
    card.scroll_into_view_if_needed()
    card.locator(".gtitle").wait_for()
    for text in (card.locator(".gtitle"), card.locator(".xtitle")):
        box = text.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert box["y"] >= card.locator(".figure").bounding_box()["y"]


def test_titles_of_axes_do_not_stand_between_the_ticks(visit, trade_off):
    page = visit(trade_off, viewport={"width": 1280, "height": 900})
    see_all(page)
    for name in ("best_so_far", "population", "value_slice", "value_contour"):
        lowest_tick, title = page.evaluate(
            """name => {
              const all = selector => [...document.querySelectorAll(
                `#${name} ${selector}`)].map(e => e.getBoundingClientRect());
              return [Math.max(...all('.xtick text').map(r => r.bottom)),
                      all('.xtitle')[0].top];
            }""",
            name,
        )
        assert lowest_tick <= title + 1, name


def test_labels_of_parallel_axes_have_no_shadow(visit, trade_off):
    page = visit(trade_off, color_scheme="dark")
    card = page.locator("#parallel_coordinates")
    card.scroll_into_view_if_needed()
    label = card.locator(".axis text").first
    label.wait_for()
    shadow = label.evaluate("one => getComputedStyle(one).textShadow")
    assert shadow == "none"


def test_the_page_of_a_running_search_reads_itself_again(
    visit, single, tmp_path
):
    path = write_report(single, tmp_path / "r.html", reload_seconds=1)
    page = visit(path)
    with page.expect_navigation():
        pass
    write_report(single, path)
    page.locator("html:not([data-reload])").wait_for(state="attached")


def test_hostile_names_are_shown_and_do_nothing(visit, hostile, tmp_path):
    page = visit(write_report(hostile, tmp_path / "r.html"))
    assert "gene_importance" in see_all(page)
    assert page.locator("h1").inner_text() == hostile.name
    assert page.title().startswith(hostile.name)
    assert page.locator("img, svg[onload]").count() == 0
    # Also where plotly takes labels for a kind of HTML.
    labels = page.locator("#gene_importance .ytick").all_text_contents()
    assert projects.HOSTILE in [label.strip() for label in labels]
    ticks = page.locator("#parallel_coordinates .axis text")
    assert "<script>alert…" in ticks.all_text_contents()
    point = page.locator("#best_so_far path.point").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    hover = page.locator("#best_so_far .hoverlayer .hovertext").first
    hover.wait_for()
    assert f"{projects.HOSTILE} = " in hover.text_content()


@pytest.mark.slow
def test_thirty_trials_of_the_quickstart(visit, tmp_path):
    script = Path(__file__).parents[2] / "examples" / "quickstart.py"
    command = [sys.executable, script, "--trials", "30", "--epochs", "1"]
    subprocess.run([*command, "--directory", tmp_path], check=True)
    (journal,) = tmp_path.rglob("journal.jsonl")
    page = visit(write_report(journal.parent, tmp_path / "r.html"))
    missing = {"pareto_front", "rungs"}
    if not contours_of(read_search(journal.parent)):
        # Real trainings decide how many hyperparameters go with the rank.
        missing.add("value_contour")
    every = {section.name for section in SECTIONS}
    assert set(see_all(page)) == every - missing
    assert len(column(page, "rank")) == 30
    page.get_by_role("button", name="val_accuracy", exact=True).click()
    scores = [float(score) for score in column(page, "val_accuracy")]
    assert scores in (sorted(scores), sorted(scores, reverse=True))


@pytest.mark.slow
def test_a_thousand_trials(visit, tmp_path):
    folder = projects.simulate(
        tmp_path / "p",
        1000,
        projects.OBJECTIVES,
        limits=kt_evolution.Limit("latency", max=4.0),
    )
    page = visit(write_report(folder, tmp_path / "r.html"))
    every = {section.name for section in SECTIONS}
    assert set(see_all(page)) == every - {"learning_curves", "rungs"}
    assert len(column(page, "rank")) == 100
    page.locator("#all").click()
    assert len(column(page, "rank")) == 1000
    page.get_by_role("button", name="params", exact=True).click()
    sizes = [c.replace(",", "") for c in column(page, "params")]
    assert sizes == sorted(sizes, key=lambda c: float(c or "inf"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_rungs_can_be_read_on_a_phone(visit, tmp_path, scheme):
    oracle = fidelities.simulate(tmp_path, max_trials=20)
    report = write_report(oracle, tmp_path / "report.html")
    page = visit(report, **PHONE, color_scheme=scheme)
    card = page.locator("#rungs")
    card.scroll_into_view_if_needed()
    title = card.locator(".xtitle")
    title.wait_for()
    box = title.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    ticks = [one.bounding_box() for one in card.locator(".xtick text").all()]
    assert len(ticks) == 4
    for left, right in zip(ticks, ticks[1:], strict=False):
        assert left["x"] + left["width"] < right["x"]
    assert max(one["y"] + one["height"] for one in ticks) <= box["y"] + 2
