// A column of tokens: a tab stop, arrow keys within, and what hovering, focusing and choosing one does.

/** `show(tokens, chosen, shares)` puts the tokens there; shares colour them, null leaves them plain. */
function tokenColumn(side, onPreview, onChoose) {
  const list = make("ol", { className: `tokens ${side}` });
  let buttons = [];
  let shown = null;

  function fill(tokens) {
    shown = tokens;
    buttons = tokens.map((token, index) => {
      const button = make("button", { type: "button", title: token, tabIndex: index ? -1 : 0 }, foreign(visible(token)));
      button.addEventListener("mouseenter", () => onPreview({ side, index }));
      button.addEventListener("mouseleave", () => onPreview(null));
      button.addEventListener("focus", () => onPreview({ side, index }));
      button.addEventListener("blur", () => onPreview(null));
      button.addEventListener("click", () => onChoose({ side, index }));
      button.addEventListener("keydown", (event) => move(event, index));
      return button;
    });
    list.replaceChildren(...buttons.map((button) => make("li", {}, button)));
  }

  function move(event, index) {
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = buttons[Math.min(buttons.length - 1, Math.max(0, to))];
    buttons.forEach((button) => { button.tabIndex = button === next ? 0 : -1; });
    next.focus();
  }

  function show(tokens, chosen, shares) {
    if (tokens !== shown) fill(tokens);
    const colours = scale("weights");
    buttons.forEach((button, index) => {
      button.classList.toggle("chosen", index === chosen);
      button.style.background = shares ? colours.colour(shares[index]) : "";
      button.style.color = shares ? colours.ink(shares[index]) : "";
      button.dataset.share = shares ? shares[index].toFixed(4) : "";
    });
  }
  return { element: list, show };
}

/** White space alone would be an empty cell. */
const visible = (token) => (token.trim() === "" ? "␣" : token);
