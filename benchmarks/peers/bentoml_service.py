"""BentoML: a service that scores a table."""

import os

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1)
class Service:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, columns: list[str], data: list[list]) -> list[float]:
        return self.model.predict_proba(pd.DataFrame(data, columns=columns))[:, 1].tolist()
