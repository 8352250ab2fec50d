"""Makes the ONNX models of the adapter's tests: five bus voltages in, three set-points out (see SOURCE.md)."""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
WEIGHT = np.array([[i + 10 * j for j in range(3)] for i in range(5)], dtype=np.float32) / 64
BIAS = np.array([1.0, 2.0, 3.0], dtype=np.float32)


def save(name, nodes, constants, batch="batch", width_in=5, width_out=3, type_in=TensorProto.FLOAT):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", type_in, [batch, width_in])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, width_out])],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")


node = helper.make_node
gemm = [node("Gemm", ["x", "w", "b"], ["y"])]
linear = {"w": WEIGHT, "b": BIAS}
save("linear", gemm, linear)
save("linear_batch_1", gemm, linear, batch=1)
save("linear_batch_4", gemm, linear, batch=4)
# A row's answer depends on the rows beside it.
save(
    "mean_of_batch",
    [
        node("Gemm", ["x", "w", "b"], ["own"]),
        node("ReduceMean", ["own"], ["mean"], axes=[0], keepdims=1),
        node("Add", ["own", "mean"], ["y"]),
    ],
    linear,
)
# NaN for the rows whose first values are negative.
save(
    "logarithm",
    [node("Slice", ["x", "begin", "end", "axis"], ["part"]), node("Log", ["part"], ["y"])],
    {"begin": np.array([0]), "end": np.array([3]), "axis": np.array([1])},
)
# Breaks the run of the whole batch where a row's values lead out of the table.
save(
    "look_up",
    [
        node("Slice", ["x", "begin", "end", "axis"], ["part"]),
        node("Cast", ["part"], ["index"], to=TensorProto.INT64),
        node("Gather", ["table", "index"], ["y"]),
    ],
    {
        "begin": np.array([0]),
        "end": np.array([3]),
        "axis": np.array([1]),
        "table": np.arange(-100, 100, dtype=np.float32),
    },
)
save("wide", [node("Concat", ["x", "x"], ["y"], axis=1)], {}, width_out=10)
save("integer", [node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)], {}, width_out=5, type_in=TensorProto.INT64)
