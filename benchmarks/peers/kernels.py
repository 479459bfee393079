"""Kernel regression of other libraries: pykeops predicts, statsmodels searches for the width."""

import contextlib
import io
from dataclasses import replace

import torch
from torch import Tensor

from attnrun.bench.regression import Points
from attnrun.bench.tables import Row


def keops(given: Points) -> Row:
    """Return the row of pykeops: both sums of the estimator by one symbolic kernel, compiled at first use."""
    with contextlib.redirect_stdout(io.StringIO()):
        import pykeops
        from pykeops.torch import LazyTensor

        pykeops.set_verbose(False)

    def predict(given: Points) -> Tensor:
        values = torch.stack([given.y, torch.ones_like(given.y)], 1)
        at, x = (part.reshape(len(part), -1) for part in (given.at, given.x))
        difference = LazyTensor(at[:, None].contiguous()) - LazyTensor(x[None].contiguous())
        kernel = (-(difference**2).sum(-1) / (2 * given.width**2)).exp()
        sums = kernel @ values
        return sums[:, 0] / sums[:, 1]

    predict(replace(given, x=given.x[:9], y=given.y[:9], at=given.at[:9]))  # compiles it
    return Row(lambda: predict(given))


def statsmodels_bandwidth(given: Points) -> Row:
    """Return the row of statsmodels' least-squares cross-validation."""
    from statsmodels.nonparametric.kernel_regression import KernelReg

    x, y = given.x.double().numpy(), given.y.double().numpy()
    return Row(lambda: float(KernelReg(y, x, "c", reg_type="lc", bw="cv_ls").bw[0]))
