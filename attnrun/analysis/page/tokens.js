// A column of tokens: a tab stop, arrow keys within, and what hovering, focusing and choosing one does.

/** `show(tokens, chosen, shares)` puts the tokens there; shares colour them, null leaves them plain. */
function tokenColumn(side, onPreview, onChoose) {
  const list = make("ol", { className: `tokens ${side}` });
  const all = []; // made once; a shorter text leaves some out of the page
  let buttons = [];
  let shown = null;

  function made(index) {
    const button = make("button", { type: "button" }, foreign(""));
    button.addEventListener("mouseenter", () => onPreview({ side, index }));
    button.addEventListener("mouseleave", () => onPreview(null));
    button.addEventListener("focus", () => onPreview({ side, index }));
    button.addEventListener("blur", () => onPreview(null));
    button.addEventListener("click", () => onChoose({ side, index }));
    button.addEventListener("keydown", (event) => move(event, index));
    make("li", {}, button);
    return button;
  }

  function fill(tokens) {
    shown = tokens;
    while (all.length < tokens.length) all.push(made(all.length));
    buttons = all.slice(0, tokens.length);
    buttons.forEach((button, index) => {
      Object.assign(button, { title: tokens[index], tabIndex: index ? -1 : 0 });
      button.firstElementChild.textContent = visible(tokens[index]);
    });
    while (list.children.length > tokens.length) list.lastElementChild.remove();
    list.append(...buttons.slice(list.children.length).map((button) => button.parentElement));
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
