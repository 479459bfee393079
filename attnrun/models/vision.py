"""Classifiers of images: a Transformer over patches, and a small convolutional network to compare it with.

Letters: B batch, K channels, Y rows and X columns of pixels, P the side of a patch, N patches with the class
token where there is one, L layers, H heads, E model size, C classes.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnrun.attention import Dropout, Mechanism
from attnrun.attention.dense import Linear
from attnrun.attention.locality import Locality
from attnrun.errors import UserError
from attnrun.models.initialise import initialise_transformer
from attnrun.models.layers import Parts
from attnrun.models.stacks import EncoderStack
from attnrun.ranges import PositiveInt, Probability


class ImageClassifier(nn.Module, ABC):
    """What the experiment needs of a model: built as `Model(channels, classes, mechanism, **keys)`."""

    def forward(self, images: Tensor) -> Tensor:
        """Standardised images (B, K, Y, X) -> logits (B, C)."""
        return self.look(images)[0]

    @abstractmethod
    def look(self, images: Tensor, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """As `forward`, with the weights (B, L, H, N, N) where asked for and where there are any."""

    @abstractmethod
    def grid(self, rows: int, columns: int) -> tuple[int, int]:
        """How many patches such an image has, down and across.

        Raises UserError where it cannot be parted.
        """


class VisionTransformer(ImageClassifier):
    """Read an image as a sequence of patches (Dosovitskiy et al. 2021, section 3.1, equations 1 to 4).

    Patches stand in the order of reading: row by row, from left to right. With `pooling` token a learned
    vector stands before them and its last state tells the class; with mean that is the mean of all states. A
    place, for the scheme of positions, is a place in this sequence, so that schemes of distance take the end
    of a row for a neighbour of the beginning of the next; with learned places, the default, each has a vector
    of its own, and the grid is learned (their appendix D.4 found nothing better in two dimensions).

    Raises UserError without attention, and where the parts of the mechanism do not go together.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        mechanism: Mechanism,
        *,
        patch: PositiveInt = 2,
        pooling: Literal["token", "mean"] = "token",
        size: PositiveInt = 64,
        layers: PositiveInt = 3,
        feedforward: PositiveInt = 128,
        dropout: Probability = 0.1,
        attention_dropout: Probability = 0.0,
        norm: Literal["pre", "post"] = "pre",
        activation: Literal["relu", "gelu"] = "gelu",
        bias: bool = True,
    ) -> None:
        super().__init__()
        if mechanism.attention is None:
            raise UserError(
                "a vision Transformer cannot do without attention; choose attention=scaled-dot, "
                "attention=average where weights must not depend on content, or experiment "
                "vision-convolutional"
            )
        parts = Parts(
            mechanism,
            size=size,
            feedforward=feedforward,
            dropout=dropout,
            attention_dropout=attention_dropout,
            norm=norm,
            activation=activation,
            bias=bias,
        )
        mechanism.require_use("a vision Transformer", "self")
        if pooling == "token" and type(mechanism.mask(1)) is not Locality:
            raise UserError(
                "mask: the class token would see but the patches near it, those of the first row; set "
                "model.pooling=mean, or mask=full"
            )
        self.patch = patch
        self.embedding = Linear(channels * patch * patch, size)
        self.token = nn.Parameter(torch.zeros(size)) if pooling == "token" else None
        self.encoder = EncoderStack(parts, layers)
        self.output = Linear(size, classes)
        initialise_transformer(self)

    def look(self, images: Tensor, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """Standardised images (B, K, Y, X) -> logits (B, C), weights (B, L, H, N, N) or None.

        Raises UserError where patches do not part the images, or are more than there are places.
        """
        embedded = self.embedding(self._patches(images))
        if self.token is not None:
            embedded = torch.cat([self.token.expand(len(images), 1, -1), embedded], 1)
        marked = self.encoder.dropout(self.encoder.position.embed(embedded))
        states, weights = self.encoder(marked, None, need_weights)
        logits: Tensor = self.output(states.mean(1) if self.token is None else states[:, 0])
        return logits, weights

    def grid(self, rows: int, columns: int) -> tuple[int, int]:
        """How many patches such an image has, down and across.

        Raises UserError where they do not part it, or are more than there are places.
        """
        if rows % self.patch or columns % self.patch:
            raise UserError(f"model.patch={self.patch} does not divide images of {rows} x {columns} pixels")
        down, across = rows // self.patch, columns // self.patch
        places = down * across + (self.token is not None)
        if places > self.encoder.longest:
            raise UserError(
                f"model.patch={self.patch} makes {places} places of {rows} x {columns} pixels, and positions "
                f"or scores know {self.encoder.longest}; choose larger patches, or raise their maximum_length"
            )
        return down, across

    def _patches(self, images: Tensor) -> Tensor:
        """Images (B, K, Y, X) -> the pixels of each patch (B, N, K · P · P), channel by channel."""
        self.grid(*images.shape[-2:])
        side = self.patch
        return F.unfold(images.to(self.embedding.weight.dtype), side, stride=side).mT


class SmallConvolutional(ImageClassifier):
    """Convolutions of 3 x 3 pixels, the greatest of 2 x 2 between them, and the mean over places of the last.

    In the manner of LeCun et al. 1998, section II, with rectifiers, and a mean in place of whole layers. Each
    layer has twice the channels of the one before. It takes no attention.

    Raises UserError for attention, and for the parts of a mechanism.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        mechanism: Mechanism,
        *,
        width: PositiveInt = 32,
        layers: PositiveInt = 3,
        dropout: Probability = 0.1,
    ) -> None:
        super().__init__()
        if mechanism.attention is not None:
            raise UserError("a convolutional network of images has no attention; set attention=none")
        mechanism.require_use("a convolutional network of images")
        sizes = [channels, *(width * 2**layer for layer in range(layers))]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(sizes)
        )
        self.dropout = Dropout(dropout)
        self.output = Linear(sizes[-1], classes)

    def look(self, images: Tensor, need_weights: bool = False) -> tuple[Tensor, None]:
        """Standardised images (B, K, Y, X) -> logits (B, C); there are no weights."""
        x = images.to(self.output.weight.dtype)
        for number, layer in enumerate(self.layers):
            x = F.relu(layer(x))
            if number + 1 < len(self.layers):
                x = F.max_pool2d(x, 2, ceil_mode=True)
        logits: Tensor = self.output(self.dropout(x.mean((-2, -1))))
        return logits, None

    def grid(self, rows: int, columns: int) -> tuple[int, int]:
        """An image is one patch."""
        return 1, 1
