"""Metric math over single values: what CloudWatch computes of the newest data point of each metric.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence

LONGEST_CHARACTERS = 2048
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html"""

Value = float | None
"""None is a missing data point: what is computed from it is missing too."""
_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_PYTHON = {"AND": "and", "&&": "and", "OR": "or", "||": "or"}
_LOGICAL = re.compile(r"\bAND\b|\bOR\b|&&|\|\|")


class BadExpression(Exception):
    """An expression that is no metric math, or more of it than is evaluated here."""


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """Arithmetic, comparisons, AND, OR, and MAX, MIN, SUM, IF, FILL and CEIL, over the ids in `values`.

    Raises BadExpression; a division by zero gives None, as CloudWatch then has no data point.
    """
    if len(expression) > LONGEST_CHARACTERS:
        raise BadExpression(f"the expression is longer than {LONGEST_CHARACTERS} characters")
    try:
        text = _LOGICAL.sub(lambda word: f" {_PYTHON[word[0]]} ", expression)
        found = _value(ast.parse(text.strip(), mode="eval").body, values)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadExpression(f"{expression!r} is no metric math: {error}") from error
    return found


def _value(node: ast.expr, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _finite(lambda: float(number))
        case ast.Name(id=name):
            if name not in values:
                raise BadExpression(f"there is no metric with the id {name}")
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _value(operand, values)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(op, left, right, values)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _combined(op, left, right, values)
        case ast.BoolOp(op=op, values=operands):
            return _logical(op, [_value(one, values) for one in operands])
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _called(name, arguments, values)
        case _:
            raise BadExpression(f"{ast.unparse(node)} is more metric math than the embedded cloud evaluates")


def _combined(op: ast.AST, left: ast.expr, right: ast.expr, values: Mapping[str, Value]) -> Value:
    compute = _OPERATORS.get(type(op))
    if compute is None:
        raise BadExpression(f"the operator {type(op).__name__} is none that the embedded cloud evaluates")
    first, second = _value(left, values), _value(right, values)
    if first is None or second is None:
        return None
    return _finite(lambda: float(compute(first, second)))


def _logical(op: ast.boolop, found: Sequence[Value]) -> Value:
    if any(value is None for value in found):
        return None
    return float(all(found) if isinstance(op, ast.And) else any(found))


def _called(name: str, arguments: Sequence[ast.expr], values: Mapping[str, Value]) -> Value:
    match name, arguments:
        case "IF", [condition, then, otherwise]:
            chosen = _value(condition, values)
            return None if chosen is None else _value(then if chosen else otherwise, values)
        case "FILL", [metric, filler]:
            found = _value(metric, values)
            return _value(filler, values) if found is None else found
        case "CEIL", [metric]:
            found = _value(metric, values)
            return None if found is None else float(math.ceil(found))
        case (("MAX" | "MIN" | "SUM"), [_, *_]):
            return _reduced(name, arguments, values)
        case _:
            raise BadExpression(f"{name} with {len(arguments)} arguments is nothing that is evaluated here")


def _reduced(name: str, arguments: Sequence[ast.expr], values: Mapping[str, Value]) -> Value:
    """Over an array of metrics, `MAX([m1, 1])`, and over one metric's single point."""
    listed = [inner for one in arguments for inner in (one.elts if isinstance(one, ast.List) else [one])]
    found = [value for one in listed if (value := _value(one, values)) is not None]
    reduce: Callable[[Sequence[float]], float] = {"MAX": max, "MIN": min, "SUM": math.fsum}[name]
    return _finite(lambda: reduce(found)) if found else None


def _finite(compute: Callable[[], float]) -> Value:
    try:
        found = compute()
    except (ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None
