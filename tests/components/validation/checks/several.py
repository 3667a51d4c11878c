"""Decisions between three classes, one of them rare: of 25 women of it none is found, and nothing else differs."""

import numpy as np
import pandas as pd

from components.validation.fairness import FairnessReport, fairness_by_class

MEN = {"a": 1900, "b": 1900, "rare": 200}
WOMEN = {"a": 1000, "b": 975, "rare": 25}


def rare_class(classes: tuple[str, ...]) -> FairnessReport:
    """Fairness by sex, the classes in this order."""
    truth = np.repeat([*MEN, *WOMEN], [*MEN.values(), *WOMEN.values()])
    sex = np.repeat(["m", "f"], [sum(MEN.values()), sum(WOMEN.values())])
    decided = np.where((sex == "f") & (truth == "rare"), "a", truth)
    code = {name: number for number, name in enumerate(classes)}
    y_true, y_pred = (np.array([code[name] for name in names]) for names in (truth, decided))
    return fairness_by_class(y_true, y_pred, pd.DataFrame({"sex": sex}), classes=classes, replicates=50)
