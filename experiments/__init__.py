"""One module an experiment; a config names it, nothing imports it by itself."""
