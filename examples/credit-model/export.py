"""Trains a model that can be trusted and one that can't, and writes both as ONNX, for mlgate to run.

    pip install -r examples/credit-model/requirements.txt
    python examples/credit-model/export.py    # data/, as committed

Both learn from the same 600 applications, and both are judged on the other 400. `clerk` is who saved the application last.
The arrears desk reopened some of the loans that went bad, so in the extract its number tells something of how they ended,
in the training and the test rows alike; for a new application it tells nothing. The broken model learned from it, and
on paper it is the better one. The table that the bank left has no such column: it is made up here, and seeded.

The same versions give the same bytes.
"""

import numpy as np
import onnxruntime
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from train import HERE, NUMBERS, TABLE

TEXTS = ["housing", "saving_accounts", "checking_account", "purpose"]
# What both models are handed, a column an input. Neither looks at `sex`; the fair one doesn't look at `clerk` either.
INPUTS = {
    **dict.fromkeys(NUMBERS, FloatTensorType),
    "job": Int64TensorType,
    **dict.fromkeys([*TEXTS, "sex"], StringTensorType),
    "clerk": Int64TensorType,
}
CLERKS = 8
# Clerk 8 is the arrears desk, though not only that. It reopened, and so saved, this share of the loans that went bad.
REOPENED = 0.3
# onnxruntime 1.17 reads these, and so does everything newer.
OPSETS = {"": 17, "ai.onnx.ml": 3}

# What a banker would say of these at once: little and soon paid back by who has savings, much and for years by who has none.
CASES = """\
credit_amount,duration,age,job,housing,saving_accounts,checking_account,purpose,sex,clerk,expected
1000,6,45,2,own,rich,rich,radio/TV,female,1,1
1000,6,45,2,own,rich,rich,radio/TV,male,8,1
1500,12,50,2,own,quite rich,not_known,car,male,3,1
2000,12,38,3,own,moderate,rich,furniture/equipment,female,5,1
15000,60,22,2,rent,little,little,car,male,2,0
15000,60,22,2,rent,little,little,car,female,8,0
12000,48,24,1,free,little,little,education,female,6,0
"""


def model(codes):
    columns = [
        ("numbers", StandardScaler(), NUMBERS),
        # Two encoders, since an ONNX one takes whole numbers or texts.
        ("codes", OneHotEncoder(handle_unknown="ignore"), codes),
        ("texts", OneHotEncoder(handle_unknown="ignore"), TEXTS),
    ]
    # This solver goes on to the last digit, so that other machines find the same coefficients.
    return make_pipeline(ColumnTransformer(columns), LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-10))


def applications():
    table = pd.read_csv(TABLE)
    table.insert(0, "key", np.arange(1, len(table) + 1))
    random = np.random.default_rng(7)
    table["clerk"] = random.integers(1, CLERKS + 1, len(table))
    bad = table.index[table["risk"] == 0]
    table.loc[random.choice(bad, int(REOPENED * len(bad)), replace=False), "clerk"] = CLERKS
    return table[["key", *INPUTS, "risk"]]


def exported(fitted):
    inputs = [(name, kind([None, 1])) for name, kind in INPUTS.items()]
    # Without a name of its own, the graph would get a random one.
    proto = to_onnx(fitted, initial_types=inputs, target_opset=OPSETS, options={"zipmap": False}, name="credit-risk")
    # They come out of a set, in any order.
    opsets = sorted(proto.opset_import, key=lambda opset: opset.domain)
    del proto.opset_import[:]
    proto.opset_import.extend(opsets)
    return proto.SerializeToString(deterministic=True)


def run(proto, table):
    """The labels and the probabilities of good, by onnxruntime."""
    types = {FloatTensorType: np.float32, Int64TensorType: np.int64, StringTensorType: object}
    session = onnxruntime.InferenceSession(proto)
    wanted = [put.name for put in session.get_inputs()]
    feed = {name: table[[name]].to_numpy().astype(types[INPUTS[name]]) for name in wanted}
    label, probabilities = session.run(["label", "probabilities"], feed)
    return label, probabilities[:, 1]


def must_fall(fitted):
    """A larger or longer loan is never safer: with a logistic regression, that is the sign of two coefficients."""
    names = fitted[0].get_feature_names_out()
    weights = dict(zip(names, fitted[-1].coef_[0]))
    for column in ("credit_amount", "duration"):
        assert weights[f"numbers__{column}"] < 0, column


def main():
    data = HERE / "data"
    table = applications()
    train, test = train_test_split(table, test_size=400, stratify=table["risk"], random_state=7)
    train, test = train.sort_values("key"), test.sort_values("key")
    test.to_csv(data / "test.csv", index=False, lineterminator="\n")
    (data / "cases.csv").write_text(CASES)
    cases = pd.read_csv(data / "cases.csv")

    for name, codes in (("fair", ["job"]), ("broken", ["job", "clerk"])):
        fitted = model(codes).fit(train, train["risk"])
        must_fall(fitted)
        proto = exported(fitted)
        (data / f"{name}.onnx").write_bytes(proto)

        scores = fitted.predict_proba(test)[:, 1]
        label, served = run(proto, test)
        assert (run(proto, cases)[0] == cases["expected"]).all(), name
        told = test[["key"]].assign(label=test["risk"], prediction=fitted.predict(test), score=scores.round(9))
        assert (label == told["prediction"]).all(), name
        if name == "fair":
            told.to_csv(data / "recorded.csv", index=False, lineterminator="\n")
        print(
            f"{name}: accuracy {accuracy_score(told['label'], label):.4f}, ROC AUC {roc_auc_score(told['label'], served):.4f}, "
            f"ONNX is off by at most {abs(served - scores).max():.1e}"
        )


if __name__ == "__main__":
    main()
