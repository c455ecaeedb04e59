# SPDX-License-Identifier: Apache-2.0
"""A model for MLServer: sum = a + b, product = a * b."""
import numpy
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Sums(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        a, b = (self.decode(i, default_codec=NumpyCodec) for i in sorted(payload.inputs, key=lambda i: i.name))
        outputs = [NumpyCodec.encode_output(name="sum", payload=a + b),
                   NumpyCodec.encode_output(name="product", payload=a * b)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
