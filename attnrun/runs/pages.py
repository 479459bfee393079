"""What an experiment puts into its run directory beside metrics: figures, texts, samples, embeddings."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.runs import layout, projector
from attnrun.runs.board import Board
from attnrun.runs.files import as_lines, checked_name, ending, write_durably, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Pages:
    """The part of `Run` that writes files by name, and shows them in TensorBoard.

    A name is of a-z, 0-9, _, - and / between parts; another one raises ValueError.
    """

    directory: Path
    step: int
    _board: Board
    _written: list[Path]

    def figure(self, name: str, figure: "Figure", step: int | None = None) -> Path:
        """Draw `figure` to figures/NAME.png and to TensorBoard; return the path."""
        path = self._path(layout.FIGURES, name, ".png")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
        write_durably(path, stream.getvalue())
        self.picture(self.step if step is None else step, name, stream.getvalue())
        return path

    def picture(self, step: int, name: str, png: bytes) -> None:
        """Show the bytes of a PNG in TensorBoard alone."""
        self._board.image(checked_name(name), png, step)

    def text(self, name: str, markdown: str, step: int | None = None) -> None:
        """Show `markdown` in TensorBoard; corpus text in it must be escaped (`attnrun.escape`)."""
        self._board.text(checked_name(name), markdown, self.step if step is None else step)

    def curves(self, step: int, values: Mapping[str, float]) -> None:
        """Add numbers, by name, to TensorBoard alone; NaN and infinity are left out."""
        self._board.scalars(step, dict(values))

    def embeddings(self, found: Mapping[str, tuple[Iterable[Sequence[float]], Sequence[str]]]) -> None:
        """Write vectors with raw labels, by name, for TensorBoard's projector, in place of older ones.

        By name: N vectors of D numbers, and the N labels; N and D may differ between names. Raises ValueError
        where there are not as many labels as vectors.
        """
        for name, (vectors, labels) in found.items():
            rows = [list(vector) for vector in vectors]
            if len(rows) != len(labels):
                raise ValueError(f"{len(labels)} labels for {len(rows)} vectors of {name}")
            self._place(projector.vectors_path(checked_name(name)), projector.vectors_text(rows))
            self._place(projector.labels_path(name), projector.labels_text(labels))
        self._place(projector.CONFIG, projector.config_text(found))

    def samples(self, name: str, samples: str | bytes | list[dict[str, Any]]) -> Path:
        """Write text to samples/NAME.txt, records to NAME.jsonl, a file's bytes to NAME.wav or NAME.png."""
        path = self._path(layout.SAMPLES, name, ending(samples))
        write_durably(path, samples if isinstance(samples, bytes) else as_lines(samples))
        return path

    def save_json(self, name: str, data: Any) -> Path:
        """Write `data` to NAME.json in the run directory; return the path."""
        if f"{name}.json" in layout.FILES:
            raise ValueError(f"{name}.json is written by the run itself")
        path = self._path(".", name, ".json")
        write_json(path, data)
        return path

    def _path(self, folder: str, name: str, suffix: str) -> Path:
        return self._made(self.directory / folder / f"{checked_name(name)}{suffix}")

    def _place(self, name: str, text: str) -> None:
        write_durably(self._made(self.directory / name), text.encode("utf-8", "backslashreplace"))

    def _made(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._written.append(path)
        return path
