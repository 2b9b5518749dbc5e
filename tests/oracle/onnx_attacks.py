"""The models of onnx_hostile.py that take time, memory, the stack, or files that are not theirs."""

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from onnx_by_hand import BOOL, FLOAT, INT64, model

X, Y = [("x", FLOAT, [None, 8])], [("y", FLOAT, [None, 1])]


def costly() -> dict:
    return {
        "endless.onnx": (endless(), "a loop that never ends"),
        "long_step.onnx": (overlaps(1_000_000), "one operator that takes hours"),
        "long_load.onnx": (overlaps(1_000_000, at_load=True), "the same, of constants: it runs while the model loads"),
        "memory_100gb.onnx": (filled(25_000_000_000), "100 GB in one tensor"),
        "memory_6gb.onnx": (filled(1_500_000_000), "6 GB in one tensor"),
        "memory_load.onnx": (filled(25_000_000_000, at_load=True), "100 GB of constants, made while the model loads"),
        "memory_grows.onnx": (grows(), "a loop that makes a tensor sixteen times as large each time, up to 34 GB"),
        "memory_shape.onnx": (huge_initializer(), "a matrix whose shape is 400 GB, without its bytes"),
    }


def deep() -> dict:
    return {
        "deep_30.onnx": (nested(30), "30 conditions within each other"),
        "deep_400.onnx": (nested(400), "400 conditions within each other"),
        "recursion.onnx": (functions({"f": ["g"], "g": ["f"]}), "two functions that call each other"),
        "laughs.onnx": (functions(laughs(40)), "functions that call the next one twice, 40 deep"),
    }


def outside() -> dict:
    """Weights in other files. Only `beside` is well."""
    weights = (np.arange(1, 9, dtype=np.float32) / 8).tobytes()
    up = "../" * 12 + "etc/passwd"
    return {
        "beside/model.onnx": (external("weights.bin"), "weights in a file beside the model, as PyTorch writes them"),
        "beside/weights.bin": (weights, ""),
        "missing/model.onnx": (external("weights.bin"), "weights in a file that is not there"),
        "short/model.onnx": (external("weights.bin"), "weights in a file that ends too early"),
        "short/weights.bin": (weights[:12], ""),
        "offset/model.onnx": (external("weights.bin", offset=1 << 40), "weights beyond the end of a file"),
        "offset/weights.bin": (weights, ""),
        "outside/model.onnx": (external(up), "weights in /etc/passwd, by a relative path"),
        "sibling/model.onnx": (external("../beside/weights.bin"), "weights in the folder of another model"),
        "absolute/model.onnx": (external("/etc/passwd"), "weights in /etc/passwd, by an absolute path"),
        "device/model.onnx": (external("/dev/zero"), "weights in a device"),
        "address/model.onnx": (
            external("*/_ORT_MEM_ADDR_/*", offset=4096),
            "weights at an address in memory, in onnxruntime's own words",
        ),
    }


def endless() -> ModelProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [helper.make_tensor_value_info(*one) for one in (("i", INT64, []), ("go", BOOL, []), ("v", FLOAT, [None, 1]))],
        [helper.make_tensor_value_info(*one) for one in (("on", BOOL, []), ("w", FLOAT, [None, 1]))],
    )
    nodes = [*last("x", "z"), helper.make_node("Loop", ["most", "always", "z"], ["y"], body=body)]
    return made(nodes, {"most": np.array(1 << 62), "always": np.array(True)})


def grows() -> ModelProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Concat", ["v"] * 16, ["w"], axis=0)],
        "body",
        [helper.make_tensor_value_info(*one) for one in (("i", INT64, []), ("go", BOOL, []), ("v", FLOAT, [None, 1]))],
        [helper.make_tensor_value_info(*one) for one in (("on", BOOL, []), ("w", FLOAT, [None, 1]))],
    )
    nodes = [*last("x", "z"), helper.make_node("Loop", ["most", "always", "z"], ["y"], body=body)]
    return made(nodes, {"most": np.array(8), "always": np.array(True)})


def filled(numbers: int, *, at_load=False) -> ModelProto:
    """Ones, the largest of them, and that times a column; of constants only if `at_load`."""
    shape = (
        []
        if at_load
        else [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("Gather", ["shape", "one"], ["wide"]),
            helper.make_node("Div", ["wide", "eight"], ["unit"]),
            helper.make_node("Mul", ["unit", "size"], ["many"]),
        ]
    )
    ones = numpy_helper.from_array(np.ones(1, np.float32))
    nodes = [
        *shape,
        helper.make_node("ConstantOfShape", ["size" if at_load else "many"], ["ones"], value=ones),
        helper.make_node("ReduceMax", ["ones"], ["largest"], axes=[0], keepdims=1),
        *last("x", "z"),
        helper.make_node("Mul", ["z", "largest"], ["y"]),
    ]
    sizes = {"one": np.array([1]), "eight": np.array([8]), "size": np.array([numbers])}
    return made(nodes, sizes)


def overlaps(boxes: int, *, at_load=False) -> ModelProto:
    """Boxes of no overlap, each compared with all: a run is only cancelled between operators."""
    count = "count" if at_load else "grown"
    grown = (
        []
        if at_load
        else [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "nothing"], ["zero"]),
            helper.make_node("Cast", ["zero"], ["whole"], to=INT64),
            helper.make_node("Add", ["count", "whole"], ["grown"]),
        ]
    )
    nodes = [
        *grown,
        helper.make_node("Range", ["start", count, "step"], ["ids"]),
        helper.make_node("Cast", ["ids"], ["low"], to=FLOAT),
        helper.make_node("Add", ["low", "half"], ["high"]),
        helper.make_node("Unsqueeze", ["low", "ends"], ["low3"]),
        helper.make_node("Unsqueeze", ["high", "ends"], ["high3"]),
        helper.make_node("Concat", ["low3", "low3", "high3", "high3"], ["boxes"], axis=2),
        helper.make_node("Unsqueeze", ["high", "front"], ["scores"]),
        helper.make_node("NonMaxSuppression", ["boxes", "scores", "most"], ["kept"]),
        helper.make_node("Cast", ["kept"], ["kept32"], to=FLOAT),
        helper.make_node("ReduceMean", ["kept32"], ["mean"], axes=[0, 1], keepdims=1),
        *last("x", "z"),
        helper.make_node("Mul", ["z", "mean"], ["y"]),
    ]
    constants = {
        "start": np.array(0),
        "count": np.array(boxes),
        "step": np.array(1),
        "nothing": np.array(0.0),
        "half": np.array(0.5),
        "ends": np.array([0, 2]),
        "front": np.array([0, 1]),
        "most": np.array([boxes]),
    }
    return made(nodes, constants)


def huge_initializer() -> ModelProto:
    graph = made([*last("x", "z"), helper.make_node("MatMul", ["z", "w"], ["y"])])
    graph.graph.initializer.append(TensorProto(name="w", dims=[1, 100_000_000_000], data_type=FLOAT))
    return graph


def nested(levels: int) -> bytes:
    """Written byte by byte: protobuf for Python writes no message of more than 100 levels."""
    out = [helper.make_tensor_value_info("y", FLOAT, None)]
    graph = helper.make_graph([helper.make_node("Identity", ["z"], ["y"])], "g", [], out).SerializeToString()
    other = helper.make_attribute(
        "else_branch", helper.make_graph([helper.make_node("Neg", ["z"], ["y"])], "h", [], out)
    )
    for _ in range(levels):
        then = field(1, b"then_branch") + field(6, graph) + b"\xa0\x01\x05"
        node = helper.make_node("If", ["yes"], ["y"]).SerializeToString() + field(5, then)
        node += field(5, other.SerializeToString())
        graph = field(1, node) + field(2, b"g") + field(12, out[0].SerializeToString())
    whole = made([*last("x", "z")], {"yes": np.array(True)})
    outer = whole.graph.SerializeToString()
    whole.ClearField("graph")
    return whole.SerializeToString() + field(7, outer + field(1, node))


def field(number: int, content: bytes) -> bytes:
    """A protobuf field that holds bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def functions(calls: dict[str, list[str]]) -> ModelProto:
    """Functions of one input, each of which calls those named, in turn; the first is called."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    whole = made([*last("x", "z"), helper.make_node(next(iter(calls)), ["z"], ["y"], domain="local")])
    whole.opset_import.append(opsets[1])
    for name, called in calls.items():
        steps = ["a", *(f"v{index}" for index in range(len(called) - 1)), "b"]
        nodes = [
            helper.make_node(other, [steps[index]], [steps[index + 1]], domain="" if other == "Neg" else "local")
            for index, other in enumerate(called)
        ]
        whole.functions.append(helper.make_function("local", name, ["a"], ["b"], nodes, opsets))
    return whole


def laughs(levels: int) -> dict[str, list[str]]:
    return {f"f{level}": [f"f{level + 1}"] * 2 if level < levels else ["Neg"] for level in range(levels + 1)}


def external(location: str, offset: int = 0) -> ModelProto:
    whole = made([helper.make_node("MatMul", ["x", "w"], ["y"])])
    tensor = TensorProto(name="w", dims=[8, 1], data_type=FLOAT, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", str(offset)), ("length", "32")):
        tensor.external_data.add(key=key, value=value)
    whole.graph.initializer.append(tensor)
    return whole


def last(of: str, to: str = "y") -> list:
    """f7, as a column."""
    index = helper.make_node("Constant", [], [f"{to}_7"], value_ints=[7])
    return [index, helper.make_node("Gather", [of, f"{to}_7"], [to], axis=1)]


def made(nodes: list, constants: dict | None = None, outputs: list | None = None) -> ModelProto:
    return model(nodes, X, outputs or Y, constants)
