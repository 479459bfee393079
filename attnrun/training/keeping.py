"""The checkpoints of one training: what goes into them, and how it goes on from one."""

import logging
from dataclasses import dataclass
from typing import Any

from attnrun.errors import UserError
from attnrun.runs import checkpoints
from attnrun.runs.run import Run
from attnrun.training import checkpoint
from attnrun.training.distributed import Team
from attnrun.training.state import LoopState
from attnrun.training.trainer import Trainer

logger = logging.getLogger("attnrun")


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """Saves and restores `parts`; of a team the first process alone reads and writes, for all.

    Attributes:
        parts: what has a `state_dict`, by name; the model is "model".
        fingerprint: hashes of what the weights depend on, such as the vocabulary.
    """

    run: Run
    trainer: Trainer
    parts: dict[str, Any]
    fingerprint: dict[str, str]
    team: Team

    def restore(self) -> LoopState:
        """Continue from the newest checkpoint that verifies; return where the loop stands.

        Raises:
            UserError: it has another fingerprint.
        """
        found = self.team.from_first(self._newest)
        state = LoopState() if found is None else self._continued(found)
        self.team.share_weights(self.parts["model"])
        return state

    def save(self, state: LoopState, best: bool, evaluated: bool) -> None:
        """Add a checkpoint, of the best or any other evaluation, or of none.

        Raises:
            CannotWrite: what was saved before stands as it did.
        """
        if self.team.rank:
            return
        content = {
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "loop": state.as_dict(),
            "run": self.run.position(),
            "fingerprint": self.fingerprint,
        }
        checkpoint.save(
            self.run.directory,
            content,
            step=state.step,
            keep=self.trainer.keep,
            best=best,
            evaluated=evaluated,
            keep_evaluated=self.trainer.average or 0,
        )

    def _newest(self) -> checkpoints.Checkpoint | None:
        checkpoint.remove_leftovers(self.run.directory)
        found = checkpoints.find_newest(self.run.directory, self.run.warn)
        if found is None and self.run.resumed:  # by checkpoints of which none can be read
            self.run.truncate(-1)
        return found

    def _continued(self, found: checkpoints.Checkpoint) -> LoopState:
        self._check_fingerprint(found.state["fingerprint"])
        for name, part in self.parts.items():
            if name != "scaler" or name in found.state["parts"]:  # the precision may be another one now
                part.load_state_dict(found[name])
        state = LoopState(**found.state["loop"])
        if state.stopped not in ("", "patience"):  # the end may lie further on than it did
            state.stopped = self.trainer.end(state.step, state.epoch)
        self.run.truncate(state.step, found.state["run"])
        logger.info("continued from %s", found.path.name)
        return state

    def _check_fingerprint(self, saved: dict[str, str]) -> None:
        for name in sorted(saved.keys() | self.fingerprint.keys()):
            if saved.get(name) != self.fingerprint.get(name):
                raise UserError(f"{self.run.directory} was trained with another {name}; start a new run")
