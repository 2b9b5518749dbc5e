"""The cases of onnx_models.py that LightGBM, XGBoost and CatBoost trained.

onnxmltools exports the first two, skl2onnx pipelines that end in one; CatBoost exports itself.
"""

import tempfile
from pathlib import Path

import catboost
import lightgbm
import numpy as np
import onnx
import onnxmltools
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import update_registered_converter
from skl2onnx.common import shape_calculator as shapes
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from onnx_case import LARGE, TREES, Case, classifier, export, features, fit, regressor
from onnx_tables import F, Table

TOOLS = {"initial_types": [("X", FloatTensorType([None, len(F)]))], "target_opset": 15}


def all_cases(tables: dict[str, Table]) -> list[Case]:
    register()
    return [*lightgbm_cases(tables), *xgboost_cases(tables), *catboost_cases(tables)]


def lightgbm_cases(tables: dict[str, Table]) -> list[Case]:
    small = {"num_leaves": 7, "verbose": -1, "deterministic": True, "force_row_wise": True, "n_jobs": 1, "seed": 0}

    def convert(model, name, **options):
        return onnxmltools.convert_lightgbm(model, name, **TOOLS, **options)

    cases = []
    for name, key in {"lgbm": "three_missing", "lgbm2": "two_missing", "lgbm2_text": "two_text"}.items():
        model = fit(lightgbm.LGBMClassifier(n_estimators=6, **small), tables[key])
        for suffix, zipmap in {"": False, "_zip": True}.items():
            made = convert(model, name, zipmap=zipmap)
            cases.append(classifier(name + suffix, tables[key], model, made, why=TREES))
    table = tables["three_missing"]
    model = fit(make_pipeline(SimpleImputer(), lightgbm.LGBMClassifier(n_estimators=4, **small)), table)
    cases.append(classifier("pipe_lgbm", table, model, export(model, {}), why=TREES))
    model = fit(lightgbm.LGBMClassifier(n_estimators=6, **small), tables["large"])
    made = convert(model, "lgbm_large", zipmap=False)
    cases.append(classifier("lgbm_large", tables["large"], model, made, why=LARGE, tolerance=None))
    table = tables["two"]
    data = lightgbm.Dataset(table.train[F].to_numpy(), table.train["label"].to_numpy())
    model = lightgbm.train({"objective": "binary"} | small, data, 4)
    share = model.predict(features(table))
    made = convert(model, "lgbm_booster", zipmap=False)
    cases.append(Case("lgbm_booster", table, made, np.column_stack([1 - share, share]), classes=[0, 1], why=TREES))
    table = tables["regression_missing"]
    model = fit(lightgbm.LGBMRegressor(n_estimators=8, **small), table)
    made = convert(model, "lgbmr")
    return [*cases, regressor("lgbmr", table, model, TREES, 1e-4, made)]


def xgboost_cases(tables: dict[str, Table]) -> list[Case]:
    small = {"max_depth": 3, "n_jobs": 1, "random_state": 0}

    def convert(model):
        return onnxmltools.convert_xgboost(model, "xgb", **TOOLS)

    cases = []
    for name, key in {
        "xgb": "three",
        "xgb_missing": "three_missing",
        "xgb2": "two",
        "xgb2_missing": "two_missing",
    }.items():
        model = fit(xgboost.XGBClassifier(n_estimators=5, **small), tables[key])
        cases.append(classifier(name, tables[key], model, convert(model), why=TREES))
    table = tables["three"]
    model = fit(make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=4, **small)), table)
    cases.append(classifier("pipe_xgb", table, model, export(model, {}), why=TREES))
    table = tables["two"]
    data = xgboost.DMatrix(table.train[F].to_numpy(), table.train["label"].to_numpy())
    model = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, data, 4)
    share = model.predict(xgboost.DMatrix(features(table)))
    both = np.column_stack([1 - share, share])
    cases.append(Case("xgb_booster", table, convert(model), both, classes=[0, 1], why=TREES))
    for name, key in {"xgbr": "regression", "xgbr_missing": "regression_missing"}.items():
        model = fit(xgboost.XGBRegressor(n_estimators=8, **small), tables[key])
        cases.append(regressor(name, tables[key], model, TREES, 1e-4, convert(model)))
    return cases


def catboost_cases(tables: dict[str, Table]) -> list[Case]:
    small = {"iterations": 5, "depth": 3, "thread_count": 1, "random_seed": 0, "verbose": 0}
    cases = []
    for name, key in {"cat": "three_missing", "cat2": "two", "cat2_text": "two_text"}.items():
        model = fit(catboost.CatBoostClassifier(**small, allow_writing_files=False), tables[key])
        cases.append(classifier(name, tables[key], model, catboost_export(model), why=TREES))
    table = tables["regression_missing"]
    model = fit(catboost.CatBoostRegressor(**small, allow_writing_files=False), table)
    return [*cases, regressor("catr", table, model, TREES, 1e-4, catboost_export(model))]


def catboost_export(model) -> onnx.ModelProto:
    """Without notes on the time, a random name and the build, which is 500 letters; those on classes stay."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.save_model(str(path), format="onnx", export_parameters={"onnx_graph_name": "catboost"})
        made = onnx.load(path)
    made.producer_version = catboost.__version__
    kept = [(one.key, one.value) for one in made.metadata_props if one.key == "class_params"]
    del made.metadata_props[:]
    onnx.helper.set_model_props(made, dict(kept))
    return made


def register() -> None:
    """So that skl2onnx converts pipelines that end in one, as its documentation does."""
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for model, alias, convert in (
        (lightgbm.LGBMClassifier, "LightGbmLGBMClassifier", convert_lightgbm),
        (xgboost.XGBClassifier, "XGBoostXGBClassifier", convert_xgboost),
    ):
        shape = shapes.calculate_linear_classifier_output_shapes
        update_registered_converter(model, alias, shape, convert, options=options)
