"""Every head's weights side by side: a panel for each layer (row) and head (column)."""

from typing import TYPE_CHECKING, Any

from attnrun.analysis.canvas import INK, fitted, fonts, new_figure, panel, set_title, thin_ink
from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.plots import COLOUR_MAP, heat_map
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE, GAP = 2.0, 0.3  # inches, of the longer side of a panel and between two
MOST_NAMES = 24  # tokens beside a panel; with more of them none is named
NAME = 12  # letters


def head_grid(attention_map: AttentionMap) -> "Figure":
    """Draw the weights of each head (N, M), all on the scale from 0 to the greatest of them.

    Tokens are named beside the first column and above the first row, where they are few.
    """
    layers, heads, rows, columns = attention_map.weights.shape
    if not attention_map.weights.size:
        return heat_map(attention_map)
    longer = max(rows, columns, 1)
    width, height = (max(SIDE * side / longer, 0.3) for side in (columns, rows))
    figure, first = new_figure(width, height)
    top = float(attention_map.weights.max(initial=0.0)) or 1.0
    for layer in range(layers):
        for head in range(heads):
            place = head * (width + GAP), -layer * (height + GAP)
            axes = first if not layer and not head else panel(figure, first, *place)
            axes.imshow(
                attention_map.head(layer, head), aspect="auto", interpolation="nearest", vmin=0, vmax=top,
                cmap=COLOUR_MAP,
            )  # fmt: skip
            _name(axes, attention_map, layer, head, (layers, heads))
    set_title(figure, first, attention_map.title)
    return fitted(figure)


def _name(axes: "Axes", shown: AttentionMap, layer: int, head: int, shape: tuple[int, int]) -> None:
    thin_ink(axes)
    axes.set_xticks([])
    axes.set_yticks([])
    style: dict[str, Any] = {"fontsize": 6, "color": INK, "family": fonts()}
    if head == 0 and len(shown.queries) <= MOST_NAMES:
        names = [for_figure(name, NAME) for name in shown.queries]
        axes.set_yticks(range(len(names)), names, **style)
    if layer == 0 and len(shown.keys) <= MOST_NAMES:
        names = [for_figure(name, NAME) for name in shown.keys]
        axes.set_xticks(range(len(names)), names, rotation=90, **style)
        axes.xaxis.tick_top()
    axes.tick_params(length=0)
    if shape != (1, 1):
        axes.set_xlabel(f"layer {layer}, head {head}", fontsize=7, color=INK, labelpad=2)
