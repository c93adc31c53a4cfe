"use strict";
(() => {
  const contentOf = (id) => document.getElementById(id).textContent;
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  // The width of a figure on A4 and Letter paper, within margins.
  const PAPER_WIDTH = 640;
  // From so many pixels on there is room for the longer texts of a figure.
  const WIDE = 900;
  const isTouch = matchMedia("(pointer: coarse)").matches;

  // Figures, drawn when they come into view, in the colors of the page.

  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function themed(layout) {
    const [text, line, card] = ["--text", "--line", "--card"].map(color);
    const axis = { gridcolor: line, linecolor: line, tickcolor: line };
    return {
      ...layout,
      autosize: true,
      paper_bgcolor: card,
      dragmode: isTouch ? false : layout.dragmode || "zoom",
      font: { color: text, size: 12, family: getComputedStyle(document.body).fontFamily },
      xaxis: { ...layout.xaxis, ...axis },
      yaxis: { ...layout.yaxis, ...axis },
      legend: { ...layout.legend, font: { color: text } },
      hoverlabel: { ...layout.hoverlabel, bgcolor: card, bordercolor: line, font: { color: text } },
    };
  }

  // What is written at many points of many figures is stored once.
  let texts;
  function unpacked(trace) {
    texts ??= JSON.parse(contentOf("texts"));
    for (const key of ["text", "hovertext"]) {
      if (trace[key]?.stored) trace[key] = trace[key].stored.map((i) => texts[i]);
    }
    return trace;
  }

  function draw(element) {
    const { data, layout } = JSON.parse(contentOf(`figure-${element.dataset.figure}`));
    element.style.minHeight = `${layout.height}px`;
    const modeBar = ["select2d", "lasso2d", "autoScale2d"];
    const traces = data.map(unpacked);
    for (const trace of traces) {
      if (trace.meta?.wide && element.clientWidth >= WIDE) {
        trace.text = trace.meta.wide;
        layout.xaxis.range = trace.meta.range;
      }
    }
    Plotly.react(element, traces, themed(layout), {
      responsive: true,
      displaylogo: false,
      displayModeBar: isTouch ? false : "hover",
      modeBarButtonsToRemove: modeBar,
    });
    element.dataset.drawn = "true";
  }

  const elements = [...document.querySelectorAll(".figure")];
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((one) => one.isIntersecting)) {
        observer.unobserve(entry.target);
        draw(entry.target);
      }
    },
    { rootMargin: "300px" }
  );

  function drawAgain() {
    elements.filter((one) => one.dataset.drawn).forEach(draw);
  }

  for (const choice of document.querySelectorAll(".choice")) {
    const element = choice.closest(".card").querySelector(".figure");
    choice.addEventListener("change", () => {
      element.dataset.figure = choice.value;
      draw(element);
    });
  }

  function load() {
    if (window.Plotly) return;
    const script = document.createElement("script");
    script.textContent = contentOf("plotly");
    document.head.append(script);
  }

  function begin() {
    load();
    elements.forEach((one) => observer.observe(one));
  }

  // The page is there before the library, which takes a second to load.
  requestAnimationFrame(() => setTimeout(begin));

  // Light and dark.

  function paint(theme) {
    root.dataset.theme = theme;
    drawAgain();
  }

  paint(prefersDark.matches ? "dark" : "light");
  prefersDark.addEventListener("change", () =>
    paint(prefersDark.matches ? "dark" : "light")
  );

  // The page of a search that runs is written again and again.

  if (root.dataset.reload) {
    const isBusy = () => document.hidden || document.activeElement !== document.body;
    setInterval(() => isBusy() || location.reload(), 1000 * root.dataset.reload);
  }

  // Paper is white, and narrower than most windows. What is printed may not
  // have come into view.

  let themeOnScreen;
  addEventListener("beforeprint", () => {
    load();
    themeOnScreen = root.dataset.theme;
    root.dataset.theme = "light";
    for (const element of elements) {
      element.style.width = `${PAPER_WIDTH}px`;
      element.style.minWidth = "0";
      draw(element);
    }
  });
  addEventListener("afterprint", () => {
    for (const element of elements) {
      element.style.width = element.style.minWidth = "";
    }
    paint(themeOnScreen);
  });

  document.getElementById("theme").addEventListener("click", () =>
    paint(root.dataset.theme === "dark" ? "light" : "dark")
  );

  // The table of trials.

  const table = document.querySelector(".trials");
  const body = table.tBodies[0];
  const all = document.getElementById("all");
  all?.addEventListener("click", () => {
    table.classList.add("all");
    all.remove();
  });
  const headers = [...document.querySelectorAll(".trials th")];

  function keyOf(row, column, isNumber) {
    const cell = row.cells[column];
    const key = cell.dataset.key ?? cell.textContent;
    if (key === "") return null;
    return isNumber ? Number(key.replaceAll(",", "")) : key;
  }

  function sort(column) {
    const header = headers[column];
    const isUp = header.getAttribute("aria-sort") !== "ascending";
    const isNumber = header.classList.contains("number");
    const rows = [...body.rows].map((row) => [keyOf(row, column, isNumber), row]);
    const compare = (a, b) => (isNumber ? a - b : a.localeCompare(b, undefined, { numeric: true }));
    // What has no value comes last, either way.
    rows.sort(([a], [b]) =>
      a === null || b === null
        ? (a === null) - (b === null)
        : isUp ? compare(a, b) : compare(b, a)
    );
    headers.forEach((one) => one.setAttribute("aria-sort", "none"));
    header.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    body.append(...rows.map(([, row]) => row));
  }

  headers.forEach((header, column) =>
    header.querySelector("button").addEventListener("click", () => sort(column))
  );

  document.getElementById("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    table.classList.toggle("all", Boolean(wanted) || !all?.isConnected);
    for (const row of body.rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  });

  const copy = document.getElementById("copy");
  copy?.addEventListener("click", async () => {
    const code = copy.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "copied";
    } catch {
      // A file that was opened from a disk may not be allowed to.
      getSelection().selectAllChildren(code);
    }
  });
})();
