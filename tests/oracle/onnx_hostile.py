"""Writes tests/data/onnx/hostile, models that are damaged, lie or attack, and tells what onnxruntime does with each.

Each is loaded and run in a process of its own: two rows of ones, 10 s, 12 GB of addresses. `ended` is ok, load (it
refused), run (it failed), timeout, or the signal that killed it; `says` the last 1,000 letters of its words, or what
came out: type, shape, first values.
"""

import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from onnx import ModelProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DictionaryType, DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from onnx_attacks import costly, deep, last, made, outside
from onnx_by_hand import FLOAT, INT64, STRING, model

SECONDS, ADDRESSES = 10, 12 << 30
MARKUP = "<img src=x onerror=1>"
COMMAND = "::error::stop\n::set-output name=verdict::passed"
TABLE = "a|b\r\n|--|--|\u202e\x1b[31m`*_"
ML = "ai.onnx.ml"

PROBE = """
import sys, time, numpy, onnxruntime
onnxruntime.set_default_logger_severity(4)
types = {"float": "f4", "double": "f8", "int64": "i8", "float16": "f2", "bool": "?", "string": "O"}

def plain(one):
    if isinstance(one, list):
        return "list", len(one), str(one[0])
    return str(one.dtype), one.shape, one.ravel()[:6].tolist()

try:
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
except BaseException as error:
    print("load\\n" + str(error)); sys.exit()
try:
    feed = {}
    for one in session.get_inputs():
        if not one.type.startswith("tensor("):
            raise TypeError("no table has a " + one.type)
        shape = [size if isinstance(size, int) else 2 for size in one.shape]
        kind = types[one.type[len("tensor("):-1]]
        feed[one.name] = numpy.ones(shape, kind) if kind != "O" else numpy.full(shape, "1", object)
    began = time.monotonic()
    said = str([plain(one) for one in session.run(None, feed)])
    again = said if time.monotonic() - began > 1 else str([plain(one) for one in session.run(None, feed)])
    print("ok\\n" + (said if said == again else "another answer every time"))
except BaseException as error:
    print("run\\n" + str(error))
"""


def write(folder: Path) -> list[dict]:
    shutil.rmtree(folder, ignore_errors=True)
    files = all_files()
    for name, (content, _) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.SerializeToString(deterministic=True) if isinstance(content, ModelProto) else content)
    models = {name: why for name, (_, why) in files.items() if name.endswith(".onnx")}
    return [{"model": f"onnx/hostile/{name}", "why": why} | probe(folder, name) for name, why in models.items()]


def probe(folder: Path, name: str) -> dict:
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    settings = {"cwd": folder, "capture_output": True, "timeout": SECONDS, "preexec_fn": limit}
    try:
        done = subprocess.run([sys.executable, "-c", PROBE, name], **settings)
    except subprocess.TimeoutExpired:
        return {"ended": "timeout", "says": None}
    if done.returncode < 0:
        return {"ended": signal.Signals(-done.returncode).name, "says": None}
    ended, _, words = done.stdout.decode(errors="replace").partition("\n")
    return {"ended": ended, "says": words.strip().replace(f"{folder}/", "")[-1000:]}


def all_files() -> dict[str, tuple[bytes | ModelProto, str]]:
    """By name, what is in the file, and why it is there."""
    return damaged() | lying() | odd() | costly() | deep() | outside() | speaking() | malformed()


def damaged() -> dict:
    good = made(last("x")).SerializeToString(deterministic=True)
    page = b"<!doctype html><html><head><title>Sign in</title></head><body>Sign in to continue</body></html>\n"
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123456\n"
    no_graph = ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 17)])
    new_opset, new_format, short = made(last("x")), made(last("x")), matrix(8)
    new_opset.opset_import[0].version, new_format.ir_version = 99, 99
    short.graph.initializer[0].raw_data = b"\0" * 12
    maker = helper.make_node("Thing", ["x"], ["y"], domain="com.example")
    circle = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Neg", ["a"], ["b"]), *last("a")]
    return {
        "empty.onnx": (b"", "no bytes"),
        "truncated.onnx": (good[: len(good) // 2], "half of a model"),
        "random.onnx": (np.random.default_rng(5).bytes(4096), "noise"),
        "page.onnx": (page, "what a server says to who has not signed in"),
        "lfs_pointer.onnx": (pointer, "Git LFS was not asked for the file"),
        "no_graph.onnx": (no_graph, "a header without a graph"),
        "unknown_operator.onnx": (made([helper.make_node("Nonesuch", ["x"], ["y"])]), "an operator that ONNX has not"),
        "unknown_domain.onnx": (made([maker]), "an operator that only its maker has"),
        "new_opset.onnx": (new_opset, "operators of a version to come"),
        "new_format.onnx": (new_format, "a format of a version to come"),
        "bad_weights.onnx": (matrix(7), "a matrix that does not fit its input"),
        "short_weights.onnx": (short, "a matrix with fewer bytes than its shape needs"),
        "double_zipmap.onnx": (double_zipmap(), "what skl2onnx exports of 64-bit input with ZipMap"),
        "circle.onnx": (made(circle), "two nodes that need each other"),
    }


def lying() -> dict:
    """What comes out is not what was declared, or can't be."""
    column, node = last("x", "z"), helper.make_node
    ends = {"zero": np.array([0]), "one": np.array([1])}
    zero = [*column, node("Sub", ["z", "z"], ["zero"])]
    across = [
        *column,
        node("ReduceMean", ["z"], ["mean"], axes=[0]),
        node("Sub", ["z", "mean"], ["away"]),
        node("Sigmoid", ["away"], ["y"]),
    ]
    always = [node("Identity", ["answer"], ["y"])]
    constant = model(always, [], [("y", FLOAT, [1, 1])], {"answer": [[0.5]]})
    return {
        "fewer_rows.onnx": (made([*column, node("Slice", ["z", "zero", "one"], ["y"])], ends), "the first row only"),
        "one_row.onnx": (made([*column, node("ReduceMean", ["z"], ["y"], axes=[0])]), "the mean of all rows"),
        "more_rows.onnx": (made([*column, node("Concat", ["z", "z"], ["y"], axis=0)]), "every row twice"),
        "scalar.onnx": (made([node("ReduceMean", ["x"], ["y"], keepdims=0)]), "one number, without a shape"),
        "nan.onnx": (made([*zero, node("Div", ["zero", "zero"], ["y"])]), "NaN for every row"),
        "some_nan.onnx": (made([*column, node("Sqrt", ["z"], ["y"])]), "NaN where f7 is negative"),
        "infinite.onnx": (made([*zero, node("Div", ["z", "zero"], ["y"])]), "infinity, of the sign of f7"),
        "across_rows.onnx": (made(across), "a row's score depends on the rows that come with it"),
        "dice.onnx": (made([*column, node("RandomUniformLike", ["z"], ["y"])]), "another answer every time"),
        "constant.onnx": (constant, "no inputs"),
        "sums.onnx": (scores([0.5, 0.5, 0.3], 0), "probabilities whose sum is 1.3"),
        "negative.onnx": (scores([1.4, -0.4, 0.0], 0), "probabilities below 0 and above 1"),
        "disagrees.onnx": (scores([0.8, 0.1, 0.1], 2), "the label is not the likeliest class"),
        "stranger.onnx": (scores([0.8, 0.1, 0.1], 7), "a label that has no probability"),
    }


def odd() -> dict:
    """Nothing that a table can fill, or that is a prediction."""
    node = helper.make_node
    texts = [node("Cast", ["x"], ["t"], to=STRING), node("Unsqueeze", ["t", "axis"], ["y"])]
    both = [("a", FLOAT, [None, 8]), ("b", FLOAT, [None, 8])]
    two = made([node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"])], outputs=both)
    no_outputs = made(last("x"))
    del no_outputs.graph.output[:]
    pixels = [node("GlobalAveragePool", ["image"], ["y"])]
    image, mean = [("image", FLOAT, [None, 3, 8, 8])], [("y", FLOAT, [None, 3, 1, 1])]
    words = DictVectorizer(sparse=False).fit([{"a": 1.0, "b": 2.0}])
    dictionary = [("d", DictionaryType(StringTensorType([1]), FloatTensorType([1])))]
    return {
        "no_outputs.onnx": (no_outputs, "a graph without outputs"),
        "texts.onnx": (made(texts, {"axis": np.array([2])}, [("y", STRING, [None, 8, 1])]), "text of three dimensions"),
        "two_scores.onnx": (two, "two outputs, either of which may be the scores"),
        "picture.onnx": (model(pixels, image, mean), "an input of four dimensions"),
        "dictionary.onnx": (to_onnx(words, initial_types=dictionary), "an input that is a dictionary"),
        "twice_named.onnx": (zipped(["a", "a", "b"]), "two classes of one name"),
        "too_few_names.onnx": (zipped(["a", "b"]), "fewer names than scores"),
        "too_many_names.onnx": (zipped(["a", "b", "c", "d"]), "more names than scores"),
    }


def speaking() -> dict:
    """Names and notes that are markup, or commands to whoever prints them."""
    node = helper.make_node
    outputs = [(name, FLOAT, [None, 1]) for name in (MARKUP, COMMAND, TABLE)]
    repeated = [node("Identity", ["z"], [name]) for name, _, _ in outputs]
    named = made([*last("x", "z"), *repeated], outputs=outputs)
    inputs = [(name, FLOAT, [None, 1]) for name in (MARKUP, COMMAND, TABLE)]
    summed = [node("Sum", [name for name, _, _ in inputs], ["y"])]
    noted = made(last("x"))
    noted.doc_string = noted.producer_name = noted.domain = noted.graph.name = f"{MARKUP}\n{COMMAND}\n{TABLE}"
    noted.metadata_props.add(key=COMMAND, value=MARKUP)
    long = made([*last("x", "z"), node("Identity", ["z"], ["y" * 20_000])], outputs=[("y" * 20_000, FLOAT, [None, 1])])
    failing = node("Reshape", ["x", "five"], ["y"], name=f"{MARKUP}\n{COMMAND}")
    return {
        "outputs_speak.onnx": (named, "outputs named in Markdown, HTML and workflow commands"),
        "inputs_speak.onnx": (model(summed, inputs, [("y", FLOAT, [None, 1])]), "inputs named so"),
        "classes_speak.onnx": (zipped([MARKUP, COMMAND, TABLE]), "classes named so"),
        "notes_speak.onnx": (noted, "a producer, a description and metadata that read so"),
        "load_speaks.onnx": (made([node(f"{MARKUP}\n{COMMAND}", ["x"], ["y"])]), "an error on load that reads so"),
        "run_speaks.onnx": (made([failing], {"five": np.array([5])}), "an error on a run that reads so"),
        "long_name.onnx": (long, "an output whose name has 20,000 letters"),
    }


def malformed() -> dict:
    """Trees that lead nowhere or out of the array, and a division that kills the process."""
    return {
        "tree_outside.onnx": (tree(nodes_truenodeids=[10**9, 0, 0]), "a branch to a node that is not there"),
        "tree_itself.onnx": (tree(nodes_truenodeids=[0, 0, 0], nodes_falsenodeids=[0, 0, 0]), "a branch to itself"),
        "tree_feature.onnx": (tree(nodes_featureids=[1_000_000, 0, 0]), "a split on feature 1,000,000 of 8"),
        "tree_negative.onnx": (tree(nodes_featureids=[-1, 0, 0]), "a split on feature -1"),
        "tree_class.onnx": (tree(class_ids=[0, 1_000_000]), "a leaf for class 1,000,000 of 2"),
        "tree_empty.onnx": (
            tree(class_treeids=[], class_nodeids=[], class_ids=[], class_weights=[]),
            "no leaf has a weight",
        ),
        "targets.onnx": (targets(1 << 30), "a regression of 1,073,741,824 targets"),
        "crash.onnx": (smallest(), "the smallest integer divided by -1, which x86-64 answers with a signal"),
        "crash_load.onnx": (smallest(at_load=True), "the same, of constants: while the model loads"),
    }


def matrix(rows: int) -> ModelProto:
    return made([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((rows, 1))})


def double_zipmap() -> ModelProto:
    data = np.arange(16.0).reshape(2, 8)
    of = LogisticRegression().fit(data, [0, 1])
    return to_onnx(of, initial_types=[("X", DoubleTensorType([None, 8]))], target_opset={"": 21, ML: 3})


def scores(row: list[float], label: int) -> ModelProto:
    """The same label and scores for every row."""
    nodes = [
        *last("x", "z"),
        helper.make_node("Shape", ["z"], ["shape"]),
        helper.make_node("Mul", ["shape", "wide"], ["three"]),
        helper.make_node("Expand", ["row", "three"], ["probabilities"]),
        helper.make_node("Gather", ["shape", "rows"], ["many"]),
        helper.make_node("Expand", ["one", "many"], ["label"]),
    ]
    constants = {"wide": np.array([1, 3]), "row": [row], "rows": np.array([0]), "one": np.array([label])}
    return made(nodes, constants, [("label", INT64, [None]), ("probabilities", FLOAT, [None, 3])])


def zipped(names: list[str]) -> ModelProto:
    """Three scores, and a ZipMap that names them."""
    nodes = [
        helper.make_node("Softmax", ["z"], ["p"], axis=1),
        helper.make_node("ZipMap", ["p"], ["output_probability"], domain=ML, classlabels_strings=names),
    ]
    whole = made([helper.make_node("Gather", ["x", "three"], ["z"], axis=1), *nodes], {"three": np.array([0, 1, 2])})
    kind = helper.make_map_type_proto(STRING, helper.make_tensor_type_proto(FLOAT, []))
    value = helper.make_value_info("output_probability", helper.make_sequence_type_proto(kind))
    del whole.graph.output[:]
    whole.graph.output.append(value)
    return whole


def tree(**changed) -> ModelProto:
    """One split, two leaves, two classes."""
    attributes = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [7, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_values": [0.5, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "class_treeids": [0, 0],
        "class_nodeids": [1, 2],
        "class_ids": [0, 1],
        "class_weights": [1.0, 1.0],
        "classlabels_int64s": [0, 1],
    }
    kept = {name: value for name, value in (attributes | changed).items() if value}
    node = helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "scores"], domain=ML, **kept)
    return made([node], outputs=[("label", INT64, [None]), ("scores", FLOAT, [None, 2])])


def targets(count: int) -> ModelProto:
    """One leaf, and room for as many targets in every row."""
    attributes = {
        "nodes_treeids": [0],
        "nodes_nodeids": [0],
        "nodes_featureids": [0],
        "nodes_modes": ["LEAF"],
        "nodes_values": [0.0],
        "nodes_truenodeids": [0],
        "nodes_falsenodeids": [0],
        "target_treeids": [0],
        "target_nodeids": [0],
        "target_ids": [0],
        "target_weights": [1.0],
        "n_targets": count,
    }
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain=ML, **attributes)
    return made([node], outputs=[("y", FLOAT, [None, count])])


def smallest(*, at_load=False) -> ModelProto:
    node = helper.make_node
    nodes = [
        *last("x", "z"),
        node("Sub", ["z", "z"], ["zero"]),
        node("Cast", ["zero"], ["whole"], to=INT64),
        node("Add", ["smallest", "whole"], ["number"]),
        node("Div", ["smallest" if at_load else "number", "minus"], ["large"]),
        node("Cast", ["large"], ["float"], to=FLOAT),
        node("Add", ["float", "z"], ["y"]),
    ]
    return made(nodes, {"smallest": np.array(-(1 << 63)), "minus": np.array(-1)})
