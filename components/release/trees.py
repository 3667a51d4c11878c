"""Tree ensembles of scikit-learn as one ONNX node, in double precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.release.graph import ML, Graph, Tensor, tensor

_LESS_OR_EQUAL = 0
_AGGREGATE = {"mean": 0, "sum": 1}


@dataclass(frozen=True)
class Tree:
    """A binary tree as parallel arrays, one entry a node, the root first.

    Attributes:
        left: where to go if the feature is at most the threshold; indices of nodes.
        right: where to go otherwise.
        feature: index of the column compared.
        threshold: what it is compared with.
        missing_left: whether a NaN goes left.
        value: what a leaf answers.
        leaf: whether the node is a leaf.
        target: which of the ensemble's outputs the leaves answer to.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.int64]
    value: NDArray[np.float64]
    leaf: NDArray[np.bool_]
    target: int = 0


def from_forest(estimator: Any, leaf_value: NDArray[np.float64], target: int = 0) -> Tree:
    """A fitted scikit-learn decision tree.

    Args:
        estimator: a tree of a forest.
        leaf_value: what each node answers where it is a leaf, shape (nodes,).
        target: which of the ensemble's outputs it answers to.
    """
    tree = estimator.tree_
    return Tree(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_left=np.asarray(tree.missing_go_to_left),
        value=leaf_value,
        leaf=tree.children_left < 0,
        target=target,
    )


def from_boosting(predictor: Any, target: int = 0) -> Tree:
    """A tree of histogram gradient boosting; its leaves answer what they add to the raw output of a class."""
    nodes = predictor.nodes
    return Tree(
        left=nodes["left"],
        right=nodes["right"],
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"],
        value=nodes["value"],
        leaf=nodes["is_leaf"].astype(bool),
        target=target,
    )


def ensemble(graph: Graph, X: Tensor, trees: Sequence[Tree], aggregate: str) -> Tensor:
    """The trees' "sum" or "mean" for each row and output, shape (n, outputs).

    Args:
        graph: receives one node.
        X: features in double precision, shape (n, k).
        trees: at least one.
        aggregate: "sum" or "mean".
    """
    attributes: dict[str, list[NDArray[Any]]] = {}
    roots, targets, nodes, leaves = [], [], 0, 0
    for tree in trees:
        roots.append(nodes)
        targets += [tree.target] * int(tree.leaf.sum())
        for name, values in _attributes(tree, nodes, leaves).items():
            attributes.setdefault(name, []).append(values)
        nodes, leaves = nodes + max(1, int((~tree.leaf).sum())), leaves + int(tree.leaf.sum())
    joined = {name: np.concatenate(values) for name, values in attributes.items()}
    splits, weights = joined.pop("nodes_splits"), joined.pop("leaf_weights")
    return graph.add(
        "TreeEnsemble",
        X,
        domain=ML,
        n_targets=max(targets) + 1,
        aggregate_function=_AGGREGATE[aggregate],
        post_transform=0,
        tree_roots=roots,
        nodes_splits=tensor(splits),
        nodes_modes=tensor(np.full(nodes, _LESS_OR_EQUAL, dtype=np.uint8)),
        leaf_weights=tensor(weights),
        leaf_targetids=targets,
        **{name: values.tolist() for name, values in joined.items()},
    )


def _attributes(tree: Tree, first_node: int, first_leaf: int) -> dict[str, NDArray[Any]]:
    # ONNX counts splits and leaves apart, each from 0 over the whole ensemble.
    leaf = tree.leaf
    index = np.where(leaf, first_leaf + np.cumsum(leaf) - 1, first_node + np.cumsum(~leaf) - 1)
    splits = np.flatnonzero(~leaf)
    left, right = tree.left[splits].astype(np.int64), tree.right[splits].astype(np.int64)
    if not len(splits):  # a lone leaf stands behind a split that leads to it on both sides
        splits, left, right = np.zeros((3, 1), dtype=np.int64)
    return {
        "nodes_featureids": np.maximum(tree.feature[splits].astype(np.int64), 0),
        "nodes_splits": tree.threshold[splits].astype(np.float64),
        "nodes_missing_value_tracks_true": tree.missing_left[splits].astype(np.int64),
        "nodes_truenodeids": index[left],
        "nodes_falsenodeids": index[right],
        "nodes_trueleafs": leaf[left].astype(np.int64),
        "nodes_falseleafs": leaf[right].astype(np.int64),
        "leaf_weights": tree.value[leaf].astype(np.float64),
    }
