"""The cases of onnx_models.py that scikit-learn trained and skl2onnx exported.

Models are small: few trees, and not deep. Native predictions are of the table's 64-bit numbers as they are.
"""

import numpy as np
import skl2onnx.common._container as container
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from onnx_case import FLOAT, LARGE, TREES, Case, classifier, export, features, fit, last, regressor
from onnx_tables import F, Table


def all_cases(tables: dict[str, Table]) -> list[Case]:
    take_numpy_numbers()
    makers = (classifiers, names, raw_scores, strays, regressors, other_types, columns)
    return [case for make in makers for case in make(tables)]


def classifiers(tables: dict[str, Table]) -> list[Case]:
    def forest(trees):
        return RandomForestClassifier(trees, max_depth=4, random_state=0)

    def logistic():
        return LogisticRegression(max_iter=500)

    def boosted():
        return HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=8, random_state=0)

    makers = [
        ("lr3", "three", logistic(), FLOAT),
        ("lr3_text", "three_text", logistic(), FLOAT),
        ("lr2", "two", logistic(), FLOAT),
        ("lr2_text", "two_text", logistic(), FLOAT),
        ("pipe_scaler_lr", "three", make_pipeline(StandardScaler(), logistic()), FLOAT),
        ("rf", "three", forest(5), TREES),
        ("rf2_text", "two_text", forest(5), TREES),
        ("gb", "three", GradientBoostingClassifier(n_estimators=4, max_depth=3, random_state=0), TREES),
        ("gb2", "two", GradientBoostingClassifier(n_estimators=8, max_depth=3, random_state=0), TREES),
        ("hgb", "three_missing", boosted(), TREES),
        ("hgb2", "two_missing", boosted(), TREES),
        ("imp_rf", "three_missing", make_pipeline(SimpleImputer(), forest(4)), TREES),
    ]
    cases = []
    for name, key, model, why in makers:
        fit(model, tables[key])
        for suffix, zipmap in {"": True, "_nozip": False, "_columns": "columns"}.items():
            if zipmap != "columns" or name in ("lr3_text", "lr2"):
                options = {id(last(model)): {"zipmap": zipmap}}
                cases.append(classifier(name + suffix, tables[key], model, export(model, options), why=why))
    return cases


def names(tables: dict[str, Table]) -> list[Case]:
    """Labels that are not 0, 1, 2; and models whose files name the classes elsewhere, or nowhere by a known name."""
    cases = []
    odd, digits = tables["two_odd"], relabelled(tables["two"])
    for name, table in {"lr2_bool": tables["two_bool"], "lr2_odd": odd, "lr2_digits": digits}.items():
        model = fit(LogisticRegression(max_iter=500), table)
        cases.append(classifier(name, table, model, export(model, {})))
    makers = {
        "mlp": MLPClassifier([6], max_iter=300, random_state=0),
        "nb_text": GaussianNB(),
        "knn_text": KNeighborsClassifier(),
        "svc": SVC(random_state=0),
        "calibrated": CalibratedClassifierCV(GaussianNB(), cv=2),
    }
    for name, model in makers.items():
        table = tables["three_text" if name.endswith("text") else "three"]
        fit(model, table)
        made = export(model, {id(model): {"zipmap": False}})
        if name == "svc":
            scores, label = model.decision_function(features(table)), model.predict(features(table))
            cases.append(Case(name, table, made, scores, classes=[0, 1, 2], label=label, tolerance=1e-5))
        else:
            cases.append(classifier(name, table, model, made, tolerance=1e-5))
    return cases


def relabelled(table: Table) -> Table:
    """The labels are text in training, and whole numbers in the table that is kept, as in a CSV file."""
    return Table(table.train.assign(label=table.train["label"].astype(str)), table.test, table.path)


def raw_scores(tables: dict[str, Table]) -> list[Case]:
    """Distances and logits in place of probabilities, by the same name."""
    model = fit(LinearSVC(random_state=0), tables["two"])
    distance, label = model.decision_function(features(tables["two"])), model.predict(features(tables["two"]))
    both = np.column_stack([-distance, distance])
    raw = export(model, {id(model): {"raw_scores": True}})
    distances = Case("svc_linear_raw", tables["two"], raw, both, classes=[0, 1], label=label, tolerance=1e-5)
    model = fit(LogisticRegression(max_iter=500), tables["three"])
    scores, label = model.decision_function(features(tables["three"])), model.predict(features(tables["three"]))
    raw = export(model, {id(model): {"zipmap": False, "raw_scores": True}})
    return [distances, Case("lr3_raw", tables["three"], raw, scores, classes=[0, 1, 2], label=label, tolerance=1e-5)]


def strays(tables: dict[str, Table]) -> list[Case]:
    """What ONNX predicts is not what scikit-learn does."""
    lost = "skl2onnx 1.20 leaves out where a forest sends missing values"
    model = fit(RandomForestClassifier(5, max_depth=4, random_state=0), tables["three_missing"])
    made = export(model, {id(model): {"zipmap": False}})
    forest = classifier("rf_missing", tables["three_missing"], model, made, why=lost, tolerance=None)
    model = fit(make_pipeline(StandardScaler(), LogisticRegression()), tables["large"])
    made = export(model, {id(last(model)): {"zipmap": False}})
    return [forest, classifier("pipe_large", tables["large"], model, made, why=LARGE, tolerance=None)]


def regressors(tables: dict[str, Table]) -> list[Case]:
    table, missing = tables["regression"], tables["regression_missing"]
    forest = RandomForestRegressor(5, max_depth=4, random_state=0)
    boosted = HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=8, random_state=0)
    return [
        regressor("linr", table, fit(LinearRegression(), table), FLOAT, 1e-4),
        regressor("rfr", table, fit(forest, table), TREES, 1e-4),
        regressor("hgbr", missing, fit(boosted, missing), TREES, 1e-4),
    ]


def other_types(tables: dict[str, Table]) -> list[Case]:
    """With ZipMap, a model of 64-bit input does not load: onnx_hostile.py."""
    table, counts = tables["two"], tables["counts"]
    double, whole = [("X", DoubleTensorType([None, len(F)]))], [("X", Int64TensorType([None, len(F)]))]
    cases = []
    pipe = fit(make_pipeline(StandardScaler(), LogisticRegression()), table)
    made = to_onnx(pipe, initial_types=double, options={id(pipe[-1]): {"zipmap": False}})
    cases.append(classifier("double_lr2", table, pipe, made, why="64-bit input"))
    model = fit(LogisticRegression(max_iter=500), counts)
    made = to_onnx(model, initial_types=whole, options={id(model): {"zipmap": False}})
    cases.append(classifier("int64_lr2", counts, model, made))
    model = fit(LinearRegression(), tables["regression"])
    made = to_onnx(model, initial_types=double)
    return [*cases, regressor("double_linr", tables["regression"], model, "64-bit all the way", 1e-9, made)]


def columns(tables: dict[str, Table]) -> list[Case]:
    """One input per column, and two inputs of several."""
    table, groups = tables["mixed"], tables["groups"]
    named = ["age", "visits", "income (EUR)", "city"]
    types = [FloatTensorType, Int64TensorType, FloatTensorType, StringTensorType]
    inputs = [(name, of([None, 1])) for name, of in zip(named, types, strict=True)]
    cases = []

    def encode(numeric, text):
        return ColumnTransformer(
            [("numbers", StandardScaler(), numeric), ("text", OneHotEncoder(handle_unknown="ignore"), text)]
        )

    def each(made, names):
        """skl2onnx renames an input that is no identifier: `income (EUR)` is `income__EUR_`. The order stays."""
        return {one.name: [name] for one, name in zip(made.graph.input, names, strict=True)}

    model = make_pipeline(encode(named[:3], named[3:]), LogisticRegression(max_iter=500))
    model.fit(table.train[named], table.train["label"])
    for suffix, zipmap in {"": True, "_nozip": False}.items():
        made = to_onnx(model, initial_types=inputs, options={id(model[-1]): {"zipmap": zipmap}})
        cases.append(classifier("mixed_lr" + suffix, table, model, made, inputs=each(made, named), named=named))

    model = make_pipeline(encode(named[:3], named[3:]), LinearRegression()).fit(
        table.train[named], table.train["spend"]
    )
    made = to_onnx(model, initial_types=inputs)
    cases.append(regressor("mixed_linr", table, model, FLOAT, 1e-2, made, each(made, named), named=named))

    # As `to_onnx(model, frame[:1])` does it: from a DataFrame of 64-bit floats, an input for each column.
    three = tables["three"]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(three.train[F], three.train["label"])
    made = to_onnx(model, three.train[F][:1], options={id(model[-1]): {"zipmap": False}})
    cases.append(classifier("frame_lr3", three, model, made, inputs=each(made, F), named=F))

    sides = {"numbers": ["n0", "n1", "n2"], "texts": ["t0", "t1"]}
    both = sum(sides.values(), [])
    model = make_pipeline(encode([0, 1, 2], [3, 4]), LogisticRegression(max_iter=500))
    model.fit(groups.train[both].to_numpy(object), groups.train["label"])
    initial = [("numbers", FloatTensorType([None, 3])), ("texts", StringTensorType([None, 2]))]
    made = to_onnx(model, initial_types=initial)
    scores = model.predict_proba(groups.test[both].to_numpy(object))
    label = model.predict(groups.test[both].to_numpy(object))
    cases.append(Case("groups_lr", groups, made, scores, sides, [0, 1], label))
    return cases


def take_numpy_numbers() -> None:
    """skl2onnx 1.20 hands booleans to protobuf, which refuses them since 7: histogram boosting fails to export."""
    plain = container.make_node

    def make_node(*args, **attributes):
        return plain(*args, **{name: numbers(value) for name, value in attributes.items()})

    def numbers(value):
        if isinstance(value, list):
            return [int(one) if isinstance(one, (bool, np.bool_)) else one for one in value]
        return value

    container.make_node = make_node
