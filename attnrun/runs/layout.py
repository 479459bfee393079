"""Where runs lie, and the names of the files in a run directory."""

from pathlib import Path

OUTPUTS = Path("outputs")  # of the working directory: EXPERIMENT/RUN, or EXPERIMENT/SWEEP/RUN
CONFIG = "config.yaml"
ENVIRONMENT = "environment.json"
IDENTITY = "run.json"  # experiment, config_hash, seed, primary, started: known before there is a result
RESULT = "result.json"
METRICS = "metrics.jsonl"
LOG = "job.log"
LOCK = "lock"
FIGURES = "figures"
SAMPLES = "samples"
EMBEDDINGS = "embeddings"
CHECKPOINTS = "checkpoints"
MANIFEST = "manifest.json"
EVENTS = "events.out.tfevents.*"
FILES = (CONFIG, ENVIRONMENT, IDENTITY, RESULT, METRICS, LOG, LOCK)
SWEEP = "sweep.json"  # in the directory of a sweep
