"""What the clients of a contest are to do, drawn from a seed."""

from __future__ import annotations

import random
from typing import Any

KEYS = [["a"], ["b", "c"], ["b", "d"]]
# Operations and how often they are drawn. Others, other weights: for stores that lose answers.
ALL = {
    "get": 3, "get_with_etag": 3, "get_item_if": 2, "in": 1, "items": 1,
    "set": 4, "set_item_if": 6, "setdefault": 2, "setdefault_if": 2, "transform_item": 4,
    "discard": 2, "discard_if": 2, "pop": 1,
}  # fmt: skip
# A plain write whose answer is lost is sent again, and so is a deletion: neither can tell what
# others did meanwhile. The conditional writes can.
EXACT_IN_SPITE_OF_LOST_ANSWERS = {
    "get": 3, "get_with_etag": 3, "get_item_if": 2, "in": 1,
    "set_item_if": 4, "setdefault_if": 2, "transform_item": 6,
}  # fmt: skip
# Changes of one item by several threads of a process, among other operations.
HOT = {
    "get": 1, "get_with_etag": 1, "set": 1, "set_item_if": 2, "discard_if": 1, "transform_item": 12,
}  # fmt: skip

Plan = list[dict[str, Any]]


def draw_plan(
    dice: random.Random, count: int, weights: dict[str, int], *, deletes: bool = True
) -> Plan:
    """Draw a client's operations."""
    plan = []
    for do in dice.choices(list(weights), list(weights.values()), k=count):
        step: dict[str, Any] = {"do": do, "key": dice.choice(KEYS)}
        step["size"] = dice.choice([1, 1, 50, 5000])
        if do in ("get_item_if", "set_item_if", "discard_if"):
            conditions = ["same", "same", "same", "changed", "any"]
            step["condition"] = dice.choice(conditions if deletes else ["same"])
            step["older"] = dice.choice([0, 0, 0, 1, 2])
            step["blind"] = dice.random() < 0.3
        if do == "transform_item":
            becomes = ["value", "value", "value", "deleted", "kept"]
            step["becomes"] = dice.choice(becomes if deletes else ["value", "value", "kept"])
        plan.append(step)
    return plan


def draw_hot_plan(
    dice: random.Random, rounds: int, weights: dict[str, int], *, deletes: bool
) -> Plan:
    """Draw rounds in which several threads play plans on one key."""
    plan: Plan = []
    for _ in range(rounds):
        plans = [
            draw_plan(dice, dice.randrange(1, 5), weights, deletes=deletes)
            for _ in range(dice.randrange(2, 9))
        ]
        for step in (step for one in plans for step in one):
            step["key"] = KEYS[0]
        plan.append({"do": "together", "plans": plans})
    return plan
