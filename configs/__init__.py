"""Configuration groups: one YAML file a choice."""
