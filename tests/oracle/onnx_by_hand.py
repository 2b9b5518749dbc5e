"""The cases of onnx_models.py that no exporter made: networks as PyTorch exports them, and rarer signatures.

Weights come of scikit-learn, which therefore knows what the right answer is.
"""

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier

from onnx_case import Case
from onnx_tables import F, Table

FLOAT, DOUBLE, HALF = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16
INT64, BOOL, STRING = TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
NETWORK = "32-bit arithmetic in two layers"


def all_cases(tables: dict[str, Table]) -> list[Case]:
    return [*networks(tables), *shapes(tables), *halves(tables), *others(tables)]


def networks(tables: dict[str, Table]) -> list[Case]:
    three, two = tables["three"], tables["two"]
    of_three, of_two = perceptron(three), perceptron(two)
    probability, share = of_three.predict_proba(three.test[F].to_numpy()), of_two.predict_proba(two.test[F].to_numpy())
    classes = [0, 1, 2]
    softmax = [helper.make_node("Softmax", ["logits"], ["probability"], axis=1)]
    pair = network(of_two, softmax, "probability", [None, 2], twice=True)
    return [
        network_case(
            "torch_softmax", three, network(of_three, softmax, "probability", [None, 3]), probability, classes
        ),
        network_case(
            "torch_logits", three, network(of_three, [], "logits", [None, 3]), probability, classes, "softmax"
        ),
        network_case(
            "torch_sigmoid", two, network(of_two, sigmoid(), "probability", [None, 1]), share, [0, 1], "complement"
        ),
        network_case("torch_logit", two, network(of_two, [], "logits", [None, 1]), share, [0, 1], "sigmoid"),
        network_case("torch_two", two, pair, share, [0, 1]),
    ]


def shapes(tables: dict[str, Table]) -> list[Case]:
    two, regression = tables["two"], tables["regression"]
    of_two, linear = perceptron(two), LinearRegression().fit(*trained(regression))
    share = of_two.predict_proba(two.test[F].to_numpy())
    flat = [
        helper.make_node("Constant", [], ["last"], value_ints=[1]),
        *sigmoid(),
        helper.make_node("Squeeze", ["probability", "last"], ["flat"]),
    ]
    cases = [network_case("rank_1", two, network(of_two, flat, "flat", [None]), share, [0, 1], "complement")]
    for rows in (1, 16):
        made = network(of_two, sigmoid(), "probability", [rows, 1], rows=rows)
        cases.append(network_case(f"fixed_batch_{rows}", two, made, share, [0, 1], "complement"))
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["y"]),
        helper.make_node("Squeeze", ["y", "last"], ["prediction"]),
    ]
    weights = {"w": linear.coef_.reshape(-1, 1), "b": [linear.intercept_], "last": [1]}
    made = model(nodes, [("x", FLOAT, ["rows", 8])], [("prediction", FLOAT, ["rows"])], weights)
    of_table = linear.predict(regression.test[F].to_numpy())
    cases.append(Case("rank_1_regression", regression, made, of_table, tolerance=1e-3, why="32-bit arithmetic"))
    return cases


def halves(tables: dict[str, Table]) -> list[Case]:
    """16-bit floats out, and in and out."""
    two = tables["two"]
    linear = LogisticRegression().fit(*trained(two))
    share = linear.predict_proba(two.test[F].to_numpy())
    cases = []
    for name, taken in {"half_output": FLOAT, "half": HALF}.items():
        nodes = [
            helper.make_node("Cast", ["x"], ["x32"], to=FLOAT),
            helper.make_node("Gemm", ["x32", "w", "b"], ["logit"]),
            helper.make_node("Sigmoid", ["logit"], ["p"]),
            helper.make_node("Cast", ["p"], ["probability"], to=HALF),
        ]
        weights = {"w": linear.coef_.reshape(-1, 1), "b": linear.intercept_}
        made = model(nodes, [("x", taken, ["rows", 8])], [("probability", HALF, ["rows", 1])], weights)
        why = "16-bit floats have three digits" if taken == FLOAT else "the input too is rounded to 16 bits"
        cases.append(Case(name, two, made, share, classes=[0, 1], apply="complement", tolerance=2e-3, why=why))
    return cases


def others(tables: dict[str, Table]) -> list[Case]:
    """A boolean input; a label without scores; scores without a label, named in the metadata; 32-bit integers."""
    boolean, three, counts = tables["boolean"], tables["three"], tables["counts"]
    names = ["age", "visits", "member"]
    linear = LogisticRegression(max_iter=500).fit(boolean.train[names].to_numpy(float), boolean.train["label"])
    nodes = [
        helper.make_node("Cast", ["visits"], ["visits32"], to=FLOAT),
        helper.make_node("Cast", ["member"], ["member32"], to=FLOAT),
        helper.make_node("Concat", ["age", "visits32", "member32"], ["x"], axis=1),
        helper.make_node("Gemm", ["x", "w", "b"], ["logits"]),
        *sigmoid(),
        helper.make_node("Greater", ["probability", "half"], ["label"]),
    ]
    weights = {"w": linear.coef_.reshape(-1, 1), "b": linear.intercept_, "half": [0.5]}
    inputs = [("age", FLOAT, ["rows", 1]), ("visits", INT64, ["rows", 1]), ("member", BOOL, ["rows", 1])]
    both = [("label", BOOL, ["rows", 1]), ("probability", FLOAT, ["rows", 1])]
    made = model(nodes, inputs, both, weights)
    given = boolean.test[names].to_numpy(float)
    share, label = linear.predict_proba(given), linear.predict(given)
    columns = {name: [name] for name in names}
    cases = [Case("boolean", boolean, made, share, columns, [False, True], label, "complement")]

    logistic = LogisticRegression(max_iter=500).fit(*trained(three))
    weights = {"w": logistic.coef_.T, "b": logistic.intercept_}
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["logits"]),
        helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
    ]
    made = model(nodes, [("x", FLOAT, [None, 8])], [("label", INT64, [None])], weights)
    label = logistic.predict(three.test[F].to_numpy())
    cases.append(Case("label_only", three, made, None, classes=[0, 1, 2], label=label))

    linear = LogisticRegression(max_iter=500).fit(*trained(counts))
    nodes = [
        helper.make_node("Cast", ["x"], ["x32"], to=FLOAT),
        helper.make_node("Gemm", ["x32", "w", "b"], ["logits"]),
    ]
    weights = {"w": linear.coef_.reshape(-1, 1), "b": linear.intercept_}
    wanted = [("x", TensorProto.INT32, [None, 8])]
    made = model([*nodes, *sigmoid()], wanted, [("probability", FLOAT, [None, 1])], weights)
    share = linear.predict_proba(counts.test[F].to_numpy())
    cases.append(Case("int32", counts, made, share, classes=[0, 1], apply="complement"))
    return cases


def network_case(name, table, made, scores, classes, apply=None) -> Case:
    return Case(name, table, made, scores, classes=classes, apply=apply, why=NETWORK)


def perceptron(table: Table) -> MLPClassifier:
    return MLPClassifier([6], max_iter=300, random_state=0).fit(*trained(table))


def trained(table: Table) -> tuple[np.ndarray, np.ndarray]:
    return table.train[F].to_numpy(), table.train["label"].to_numpy()


def sigmoid() -> list:
    return [helper.make_node("Sigmoid", ["logits"], ["probability"])]


def network(of: MLPClassifier, after: list, output: str, shape: list, rows=None, twice=False) -> ModelProto:
    """As PyTorch's exporter names things. `twice`: one logit, and its opposite."""
    (first, second), (bias, other) = of.coefs_, of.intercepts_
    if twice:
        second, other = np.hstack([-second, second]) / 2, np.hstack([-other, other]) / 2
    nodes = [
        helper.make_node("Gemm", ["input", "0.weight", "0.bias"], ["/0/Gemm_output_0"]),
        helper.make_node("Relu", ["/0/Gemm_output_0"], ["/1/Relu_output_0"]),
        helper.make_node("Gemm", ["/1/Relu_output_0", "2.weight", "2.bias"], ["logits"]),
        *after,
    ]
    named = [dimension if dimension else "batch_size" for dimension in shape]
    weights = {"0.weight": first, "0.bias": bias, "2.weight": second, "2.bias": other}
    return model(nodes, [("input", FLOAT, [rows or "batch_size", 8])], [(output, FLOAT, named)], weights)


def model(nodes, inputs, outputs, weights=None, opset=17) -> ModelProto:
    """Of a graph; `weights` are 32-bit if floats."""
    tensors = [numpy_helper.from_array(constant(value), name) for name, value in (weights or {}).items()]
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        tensors,
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, producer_name="by hand", ir_version=8, opset_imports=opsets)


def constant(value) -> np.ndarray:
    value = np.asarray(value)
    return value.astype(np.float32) if value.dtype == np.float64 else value
