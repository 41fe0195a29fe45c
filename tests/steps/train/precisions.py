"""Which precisions can be shown here: on a processor without bfloat16 the platform refuses to train in it."""

import pytest
import torch

from tunewarden.domain.training import Precision
from tunewarden.steps.train.single_pass import bfloat16_found

NEEDS_BFLOAT16 = pytest.mark.skipif(
    not bfloat16_found(torch.device("cpu")), reason="this machine's processor has no bfloat16 arithmetic"
)
PRECISIONS = [Precision.FLOAT32, pytest.param(Precision.BFLOAT16, marks=NEEDS_BFLOAT16)]
