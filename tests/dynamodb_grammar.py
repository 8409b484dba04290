"""Decides which expression strings are DynamoDB's language, and reads them into a tree.

What DynamoDB refuses at this stage is refused here: unknown words, reserved words used as names,
two operators in one SET value, arithmetic in a condition, a doubled pair of parentheses, a
section written twice, more than 4 KB or 300 operators. Where DynamoDB's own rule is not
documented the stricter reading is taken: our expressions need none of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Final, TypeVar

from tests.dynamodb_values import ORDERED, refused

Result = TypeVar("Result")

LONGEST: Final = 4_096
MOST_OPERATORS: Final = 300
MOST_OPTIONS: Final = 100

COMPARATORS: Final = frozenset({"=", "<>", "<", "<=", ">", ">="})
PREDICATES: Final = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
NUMBER: Final = frozenset({"N"})
LIST: Final = frozenset({"L"})
PREFIX: Final = frozenset({"S", "B"})
SETS: Final = frozenset({"SS", "NS", "BS"})
SECTIONS: Final = frozenset({"SET", "REMOVE", "ADD", "DELETE"})
FUNCTION_TYPES: Final = {
    "attribute_type": frozenset({"S"}),
    "begins_with": PREFIX,
    "list_append": LIST,
}
RESERVED: Final = frozenset(
    (File(__file__).parent / "dynamodb_reserved_words.txt").read_text("ascii").split()
)

_TOKEN = re.compile(r"\s*(?:([:#]?[A-Za-z0-9_]+)|(<>|<=|>=|[=<>+\-(),.\[\]]))", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Path:
    """Names (`#alias` unresolved) and list indexes."""

    parts: tuple[str | int, ...]
    has_alias: bool


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value of the request, such as `:amount`."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple["Operand", ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """`left + right` (sign 1) or `left - right` (sign -1), in SET only."""

    left: "Operand"
    sign: int
    right: "Operand"


Operand = Path | Placeholder | Call | Sum


@dataclass(frozen=True, slots=True)
class Comparison:
    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class Within:
    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """`left AND right` or `left OR right`."""

    word: str
    left: "Condition"
    right: "Condition"


@dataclass(frozen=True, slots=True)
class Negation:
    condition: "Condition"


Demand = tuple[str, frozenset[str], str]
"""A placeholder, the types of value it may have there, and the operator that says so."""

Condition = Comparison | Between | Within | Junction | Negation | Call


@dataclass(frozen=True, slots=True)
class Action:
    """One change of an update: the section's word, the path, and what is set, added or taken."""

    word: str
    path: Path
    value: Operand | None = None


@dataclass(slots=True)
class Reader:
    """Reads one expression from left to right and collects the placeholders and paths it uses."""

    text: str
    kind: str
    tokens: list[str] = field(default_factory=list)
    position: int = 0
    operators: int = 0
    names: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    seen: list[Path] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise self.invalid("The expression can not be empty")
        if len(self.text.encode()) > LONGEST:
            raise self.invalid("Expression size has exceeded the maximum allowed size")
        self.tokens = list(self._scan())

    def invalid(self, message: str) -> Exception:
        """The refusal of this expression."""
        return refused(f"Invalid {self.kind}: {message}")

    def _scan(self) -> Iterator[str]:
        at, end = 0, len(self.text.rstrip())
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self.invalid(f"Syntax error; near: {self.text[at : at + 20]!r}")
            yield match[1] or match[2]
            at = match.end()

    def condition(self) -> Condition:
        """The whole text as a condition."""
        condition = self._whole(self._disjunction())
        pairs = set(self._parentheses())
        if any((start + 1, end - 1) in pairs for start, end in pairs):
            raise self.invalid("The expression has redundant parentheses")
        return condition

    def _parentheses(self) -> Iterator[tuple[int, int]]:
        open_at: list[int] = []
        for at, token in enumerate(self.tokens):
            if token == "(":
                open_at.append(at)
            elif token == ")":
                yield open_at.pop(), at

    def paths(self) -> tuple[Path, ...]:
        """The whole text as a projection."""
        found = [self._path()]
        while self._take(","):
            found.append(self._path())
        return self._whole(tuple(found))

    def actions(self) -> tuple[Action, ...]:
        """The whole text as an update, in the order written."""
        found: list[Action] = []
        seen: set[str] = set()
        while self.position < len(self.tokens):
            word = self._next().upper()
            if word not in SECTIONS:
                raise self._unexpected(word)
            if word in seen:
                raise self.invalid(f'The "{word}" section can only be used once')
            seen.add(word)
            found.append(self._action(word))
            while self._take(","):
                found.append(self._action(word))
        return self._whole(tuple(found))

    def _whole(self, result: Result) -> Result:
        if self.position < len(self.tokens):
            raise self._unexpected(self.tokens[self.position])
        if self.operators > MOST_OPERATORS:
            raise self.invalid(f"The expression contains more than {MOST_OPERATORS} operators")
        return result

    def _action(self, word: str) -> Action:
        path = self._path()
        if word == "REMOVE":
            return Action(word, path)
        if word == "SET":
            self._expect("=")
            return Action(word, path, self._sum())
        taken = SETS if word == "DELETE" else SETS | NUMBER
        return Action(word, path, self._demand(word, taken, self._placeholder(self._next())))

    def _sum(self) -> Operand:
        left = self._operand()
        sign = {"+": 1, "-": -1}.get(self._peek())
        if sign is None:
            return left
        word = self._operator()
        return Sum(self._demand(word, NUMBER, left), sign, self._demand(word, NUMBER))

    def _disjunction(self) -> Condition:
        left = self._conjunction()
        while self._take_word("OR"):
            left = Junction("OR", left, self._conjunction())
        return left

    def _conjunction(self) -> Condition:
        left = self._negation()
        while self._take_word("AND"):
            left = Junction("AND", left, self._negation())
        return left

    def _negation(self) -> Condition:
        return Negation(self._negation()) if self._take_word("NOT") else self._primary()

    def _primary(self) -> Condition:
        if self._take("("):
            inner = self._disjunction()
            self._expect(")")
            return inner
        left = self._operand()
        if isinstance(left, Call) and left.name in PREDICATES:
            return left
        return self._comparison(left)

    def _comparison(self, left: Operand) -> Condition:
        if self._take_word("BETWEEN"):
            low = self._demand("BETWEEN", ORDERED)
            if self._peek().upper() != "AND":
                raise self._unexpected(self._peek())
            self.position += 1
            return Between(left, low, self._demand("BETWEEN", ORDERED))
        if self._take_word("IN"):
            return Within(left, self._options())
        operator = self._peek()
        if operator not in COMPARATORS:
            raise self._unexpected(operator)
        self._operator()
        if operator in {"=", "<>"}:
            return Comparison(operator, left, self._operand())
        self._demand(operator, ORDERED, left)
        return Comparison(operator, left, self._demand(operator, ORDERED))

    def _options(self) -> tuple[Operand, ...]:
        self._expect("(")
        options = [self._operand()]
        while self._take(","):
            options.append(self._operand())
        self._expect(")")
        if len(options) > MOST_OPTIONS:
            raise self.invalid("The IN operator is provided with too many operands")
        return tuple(options)

    def _operand(self) -> Operand:
        token = self._peek()
        if token.startswith(":"):
            return self._placeholder(self._next())
        following = self.tokens[self.position + 1 : self.position + 2]
        return self._call() if following == ["("] and _NAME.fullmatch(token) else self._path()

    def _call(self) -> Call:
        name = self._next()
        self.operators += 1
        self._expect("(")
        arguments = [self._operand()]
        while self._take(","):
            arguments.append(self._operand())
        self._expect(")")
        call = Call(name, tuple(arguments))
        self._check_call(call)
        for argument in arguments:
            if name in FUNCTION_TYPES:
                self._demand(name, FUNCTION_TYPES[name], argument)
        return call

    def _check_call(self, call: Call) -> None:
        in_update = self.kind == "UpdateExpression"
        known = {"if_not_exists": 2, "list_append": 2} if in_update else PREDICATES | {"size": 1}
        if call.name not in known:
            raise self.invalid(f"Invalid function name; function: {call.name}")
        if len(call.arguments) != known[call.name]:
            raise self.invalid(f"Incorrect number of operands for function: {call.name}")
        if call.name != "list_append" and not isinstance(call.arguments[0], Path):
            raise self.invalid(f"Operator or function requires a document path: {call.name}")
        if len(set(call.arguments)) != len(call.arguments) and not in_update:
            raise self.invalid(f"The first operand must be distinct from the others: {call.name}")

    def _demand(self, where: str, types: frozenset[str], operand: Operand | None = None) -> Operand:
        operand = self._operand() if operand is None else operand
        if isinstance(operand, Placeholder):
            self.demands.append((operand.name, types, where))
        return operand

    def _placeholder(self, token: str) -> Placeholder:
        if not token.startswith(":"):
            raise self._unexpected(token)
        self.values.add(token)
        return Placeholder(token)

    def _path(self) -> Path:
        parts: list[str | int] = [self._name()]
        while self._peek() in {".", "["}:
            if self._next() == ".":
                parts.append(self._name())
                continue
            index = self._next()
            if not index.isdigit():
                raise self._unexpected(index)
            parts.append(int(index))
            self._expect("]")
        has_alias = any(isinstance(part, str) and part[0] == "#" for part in parts)
        self.seen.append(Path(tuple(parts), has_alias))
        return self.seen[-1]

    def _name(self) -> str:
        token = self._next()
        if token.startswith("#"):
            self.names.add(token)
        elif not _NAME.fullmatch(token):
            raise self._unexpected(token)
        elif token.upper() in RESERVED:
            raise self.invalid(f"Attribute name is a reserved keyword; reserved keyword: {token}")
        return token

    def _peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._unexpected("<EOF>")
        self.position += 1
        return token

    def _take(self, token: str) -> bool:
        taken = self._peek() == token
        self.position += taken
        return taken

    def _take_word(self, word: str) -> bool:
        taken = self._peek().upper() == word
        if taken:
            self._operator()
        return taken

    def _operator(self) -> str:
        self.position += 1
        self.operators += 1
        return self.tokens[self.position - 1]

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self._unexpected(self._peek() or "<EOF>")

    def _unexpected(self, token: str) -> Exception:
        return self.invalid(f'Syntax error; token: "{token}", near: {self.text[-40:]!r}')
