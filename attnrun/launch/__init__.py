"""From the command line through Hydra to a typed config and a job."""
