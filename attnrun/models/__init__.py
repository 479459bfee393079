"""Kernel regression, encoders and decoders built on the attention core."""
