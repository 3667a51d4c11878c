"""An ONNX graph under construction: the few lines that `onnx.helper` leaves to its caller."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ML = "ai.onnx.ml"
OPSETS = {"": 21, ML: 5}
"""Version 5 of ai.onnx.ml is the first whose tree ensembles compare, add and answer in double precision."""

IR_VERSION = 10

Tensor = str
"""The name of a value in the graph."""


class Graph:
    """Nodes and constants in the order in which they are added."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []

    def input(self, name: str, width: int = 1) -> Tensor:
        """An input of shape (n, width) in double precision."""
        from onnx import TensorProto, helper

        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, width]))
        return name

    def constant(self, value: Any) -> Tensor:
        """A constant: floats in double precision, whole numbers as int64."""
        from onnx import numpy_helper

        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind in "iub" else np.float64)
        name = f"program/constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: Tensor, domain: str = "", **attributes: Any) -> Tensor:
        """The output of a new node."""
        from onnx import helper

        name = f"program/{operator}_{len(self._nodes)}"  # no column is called so
        self._nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def places(self, tensor: Tensor, source: Tensor, width: int) -> list[int] | None:
        """Which columns of a source of so many the tensor consists of; None if it is something else.

        Args:
            tensor: shape (n, k).
            source: an input.
            width: how many columns the source has.
        """
        from onnx import numpy_helper

        if tensor == source:
            return list(range(width))
        made = next((node for node in self._nodes if tensor in node.output), None)
        if made is None or made.op_type != "Gather" or made.input[0] != source:
            return None
        taken = next(each for each in self._constants if each.name == made.input[1])
        return [int(place) for place in numpy_helper.to_array(taken)]

    def concatenated(self, tensors: list[Tensor]) -> Tensor:
        """The tensors side by side, shape (n, sum of their widths)."""
        return tensors[0] if len(tensors) == 1 else self.add("Concat", *tensors, axis=1)

    def cast(self, tensor: Tensor, kind: str) -> Tensor:
        """The tensor as "double", "float" or "int64"."""
        from onnx import TensorProto

        return self.add("Cast", tensor, to=getattr(TensorProto, kind.upper()))

    def to_bytes(self, outputs: dict[str, tuple[Tensor, str]]) -> bytes:
        """The checked model, the same bytes for the same graph.

        Args:
            outputs: what each output is called, and its tensor and kind: of shape (n,), or (n, k) for "doubles".
        """
        from onnx import TensorProto, checker, helper

        called: dict[Tensor, str] = {}
        named = []
        for name, (tensor, _) in outputs.items():
            if tensor in called or not any(tensor in node.output for node in self._nodes):
                named.append(helper.make_node("Identity", [called.get(tensor, tensor)], [name]))
            else:
                called[tensor] = name
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [called.get(name, name) for name in names]
        infos = [
            helper.make_tensor_value_info(
                name,
                getattr(TensorProto, kind.upper().removesuffix("S")),
                [None, None] if kind == "doubles" else [None],
            )
            for name, (_, kind) in outputs.items()
        ]
        graph = helper.make_graph([*self._nodes, *named], "program", self._inputs, infos, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="flowprint"
        )
        checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def tensor(value: NDArray[Any]) -> Any:
    """An array as the value of a node's attribute."""
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(value))
