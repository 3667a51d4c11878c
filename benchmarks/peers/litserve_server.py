"""LitServe: an API that scores a table."""

import os
import sys

import joblib
import litserve
import pandas as pd


class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request):
        return pd.DataFrame(request["data"], columns=request["columns"])

    def predict(self, rows):
        return self.model.predict_proba(rows)[:, 1]

    def encode_response(self, scores):
        return {"predictions": scores.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="error")
