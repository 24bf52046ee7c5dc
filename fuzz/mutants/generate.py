#!/usr/bin/env python3
"""Generates mutants of C files: copies of the code that differ in one place.

    generate.py [--root FOLDER] [FILE...]    list them, one a line

They are made on the syntax tree of clang (python3-clang), so that a mutant is a
change of the program and not of its text. A mutant that can be chosen while the
program runs is "switched": all of them are built at once (switched_text()). One in
what the compiler computes (an enumerator, a static initialiser, a macro) is
"single": it is a build of its own (single_text()).
"""

import argparse
import bisect
import collections
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from clang import cindex
from clang.cindex import Cursor, CursorKind, TokenKind, TypeKind

RELATIONAL = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
}
# Where order means something, also between numbers that may differ both ways.
RELATIONAL_NUMBERS = {"==": ("<=", ">="), "!=": ("<", ">")}
BOOLEAN = {"&&": "||", "||": "&&"}
ARITHMETIC = {
    "+": "-", "-": "+", "*": "/", "/": "*", "%": "/",
    "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "&",
}
ASSIGNED = {operator + "=": other + "=" for operator, other in ARITHMETIC.items()}

# A greater literal is a bit pattern: one more or less is nobody's mistake.
NEIGHBOURS_MAX = 1 << 24

SHOWN_MAX = 300  # characters of before and after

# In front of a file of which mutants are switched, and of each of its functions.
SWITCH_HEADER = "mutant.h"

FUNCTIONS = (CursorKind.FUNCTION_DECL,)
LOOPS = (CursorKind.WHILE_STMT, CursorKind.FOR_STMT, CursorKind.DO_STMT)
SEEN_THROUGH = (CursorKind.UNEXPOSED_EXPR, CursorKind.PAREN_EXPR)
SIZES = (CursorKind.CXX_UNARY_EXPR,)  # sizeof
DELETED = (
    CursorKind.BINARY_OPERATOR,
    CursorKind.BREAK_STMT,
    CursorKind.CALL_EXPR,
    CursorKind.COMPOUND_ASSIGNMENT_OPERATOR,
    CursorKind.CONTINUE_STMT,
    CursorKind.DO_STMT,
    CursorKind.FOR_STMT,
    CursorKind.IF_STMT,
    CursorKind.RETURN_STMT,
    CursorKind.SWITCH_STMT,
    CursorKind.UNARY_OPERATOR,
    CursorKind.UNEXPOSED_EXPR,
    CursorKind.WHILE_STMT,
)


class Refused(Exception):
    """A file that cannot be parsed, or a place that cannot be named."""


@dataclass(frozen=True)
class Mutant:
    name: str  # its function, and a number
    file: str  # from the root
    function: str  # or the macro, enumerator or variable
    line: int
    operator: str  # relational, arithmetic, boolean, constant, deletion, ...
    before: str  # the smallest expression that a reader understands
    after: str
    ordinal: int  # among those of function with this before and after, from 1
    is_switched: bool
    start: int  # offsets of the replaced text
    end: int
    text: str
    is_statement: bool = False


@dataclass
class Place:
    """A function or declaration to mutate, and where its text is."""

    file: str
    function: str
    is_switched: bool
    found: list[dict] = field(default_factory=list)


@dataclass
class Body:
    """A function's braces, and what follows if its mutated copy ends."""

    start: int
    end: int
    is_void: bool

    @property
    def last_statement(self) -> str:
        return "return;" if self.is_void else "__builtin_trap();"


@dataclass
class Program:
    """The mutants of a set of files."""

    mutants: list[Mutant] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, dict[str, Body]] = field(default_factory=dict)
    # Of other origin: mutants.toml's. Each is switched by a copy of its function.
    planted: list[Mutant] = field(default_factory=list)
    # Expressions in the arguments of macros, by the macro's name: they have no
    # text of their own in the tree.
    left_out: collections.Counter = field(default_factory=collections.Counter)


def folded(text: str) -> str:
    """text with one space where there is white space or a comment."""
    return " ".join(re.sub(r"/\*.*?\*/", " ", text, flags=re.S).split())


def parse(path: Path, arguments: list[str]) -> cindex.TranslationUnit:
    unit = cindex.Index.create().parse(
        str(path), args=arguments,
        options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD,
    )
    errors = [d for d in unit.diagnostics if d.severity >= cindex.Diagnostic.Error]
    if errors:
        raise Refused(f"{path}: {errors[0]}")
    return unit


def resource_arguments() -> list[str]:
    """Where clang's own headers are, which its library does not look for."""
    found = subprocess.run(["clang", "-print-resource-dir"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.strip()
    return ["-isystem", f"{found}/include"]


class Finder:
    """Finds the mutants of one translation unit."""

    def __init__(self, program: Program, root: Path, files: set[str]) -> None:
        self.program = program
        self.root = root
        self.files = files
        self.done: set[tuple[str, int]] = set()  # definitions already seen
        self.place = Place("", "", False)
        self.places: list[Place] = []
        self.text = ""
        self.macros: dict[str, list[tuple[int, int, str]]] = {}

    def file_of(self, cursor: Cursor) -> str | None:
        if cursor.location.file is None:
            return None
        path = Path(cursor.location.file.name).resolve()
        if not path.is_relative_to(self.root):
            return None
        name = str(path.relative_to(self.root))
        if name not in self.files:
            return None
        if name not in self.program.texts:
            self.program.texts[name] = path.read_text(encoding="ascii")
        return name

    def unit(self, unit: cindex.TranslationUnit) -> None:
        self.macros = collections.defaultdict(list)
        for cursor in unit.cursor.get_children():
            if cursor.kind == CursorKind.MACRO_INSTANTIATION:
                file = self.file_of(cursor)
                if file is not None:
                    start, end = extent(cursor)
                    text = self.program.texts[file][start:end]
                    name = cursor.spelling + ("()" if text.endswith(")") else "")
                    self.macros[file].append((start, end, name))
        for spans in self.macros.values():
            spans.sort()
        for cursor in unit.cursor.get_children():
            file = self.file_of(cursor)
            if file is None or (file, extent(cursor)[0]) in self.done:
                continue
            self.text = self.program.texts[file]
            if cursor.kind == CursorKind.MACRO_DEFINITION:
                self.macro(file, cursor)
            elif cursor.kind == CursorKind.ENUM_DECL:
                self.enumerators(file, cursor)
            elif cursor.kind == CursorKind.VAR_DECL:
                self.enter(file, cursor, False)
                self.initialiser(cursor)
            elif cursor.kind in FUNCTIONS and cursor.is_definition():
                self.function(file, cursor)
            else:
                continue
            self.done.add((file, extent(cursor)[0]))

    def enter(self, file: str, cursor: Cursor, is_switched: bool) -> None:
        self.place = Place(file, cursor.spelling, is_switched)
        self.places.append(self.place)

    def function(self, file: str, cursor: Cursor) -> None:
        body = next(child for child in cursor.get_children()
                    if child.kind == CursorKind.COMPOUND_STMT)
        start, end = extent(body)
        is_void = cursor.result_type.kind == TypeKind.VOID
        bodies = self.program.bodies.setdefault(file, {})
        bodies[cursor.spelling] = Body(start, end, is_void)
        self.enter(file, cursor, True)
        self.walk(body, [])

    def enumerators(self, file: str, cursor: Cursor) -> None:
        for child in cursor.get_children():
            self.enter(file, child, False)
            for value in child.get_children():
                self.walk(value, [child])

    def initialiser(self, cursor: Cursor) -> None:
        """What follows the = of a declaration; before it is its type."""
        start, end = extent(cursor)
        equals = self.text.find("=", start, end)
        for child in cursor.get_children():
            if equals >= 0 and extent(child)[0] > equals:
                self.walk(child, [cursor])

    # The replacements of one expression.

    def add(self, operator: str, span: tuple[int, int], new: str,
            shown: tuple[int, int], is_statement: bool = False) -> None:
        self.place.found.append({
            "operator": operator, "span": span, "text": new, "shown": shown,
            "is_statement": is_statement,
        })

    def in_macro(self, span: tuple[int, int]) -> str | None:
        """The macro that has all of span in one use of it."""
        spans = self.macros.get(self.place.file, [])
        at = bisect.bisect_right(spans, (span[0], sys.maxsize, ""))
        while at > 0:
            at -= 1
            if spans[at][0] <= span[0] and span[1] <= spans[at][1]:
                return spans[at][2]
            if span[0] - spans[at][0] > 2000:
                break
        return None

    def piece(self, span: tuple[int, int]) -> str:
        return self.text[span[0] : span[1]]

    def walk(self, node: Cursor, above: list[Cursor]) -> None:
        kind = node.kind
        if kind in SIZES or kind == CursorKind.STRING_LITERAL:
            return
        span = extent(node)
        macro = self.in_macro(span)
        if macro is not None:
            if macro.endswith(")") and kind in (
                        CursorKind.BINARY_OPERATOR, CursorKind.INTEGER_LITERAL,
                        CursorKind.COMPOUND_ASSIGNMENT_OPERATOR,
                        CursorKind.CONDITIONAL_OPERATOR):
                self.program.left_out[macro] += 1
        elif kind in (CursorKind.BINARY_OPERATOR,
                      CursorKind.COMPOUND_ASSIGNMENT_OPERATOR):
            self.binary(node, span)
        elif kind == CursorKind.UNARY_OPERATOR:
            self.unary(node, span)
        elif kind == CursorKind.INTEGER_LITERAL:
            self.literal(node, span, above)
        elif kind == CursorKind.CALL_EXPR:
            self.call(node, span)
        elif kind == CursorKind.CONDITIONAL_OPERATOR:
            self.condition(next(node.get_children()))
        elif kind in LOOPS or kind == CursorKind.IF_STMT:
            # A macro's that is another one's name is in no use of it.
            if self.piece(span).startswith(("if", "while", "for", "do ")):
                self.conditions(node)
        elif kind == CursorKind.VAR_DECL:
            self.initialiser(node)
            return
        self.statements(node, kind)
        if kind == CursorKind.CASE_STMT:
            children = list(node.get_children())[1:]  # not what is compared
        else:
            children = list(node.get_children())
        for child in children:
            self.walk(child, [*above, node])

    def binary(self, node: Cursor, span: tuple[int, int]) -> None:
        left, right = node.get_children()
        between = extent(left)[1], extent(right)[0]
        if between[0] > between[1]:
            return
        operator = folded(self.piece(between))
        at = self.text.find(operator, *between)
        where = at, at + len(operator)
        is_pointer = [is_a_pointer(child) for child in (left, right)]
        if operator in RELATIONAL:
            new = RELATIONAL[operator]
            has_zero = "0" in (self.piece(extent(left)), self.piece(extent(right)))
            if not any(is_pointer) and not has_zero:
                new += RELATIONAL_NUMBERS.get(operator, ())
            for other in new:
                self.replace("relational", span, where, other)
        elif operator in BOOLEAN:
            self.replace("boolean", span, where, BOOLEAN[operator])
            for child in left, right:
                kept = f"!!({self.piece(extent(child))})"
                self.add("boolean", span, kept, span)
        elif operator in ARITHMETIC:
            if not (operator == "-" and all(is_pointer)):
                self.replace("arithmetic", span, where, ARITHMETIC[operator])
        elif operator in ASSIGNED:
            self.replace("arithmetic", span, where, ASSIGNED[operator])

    def replace(self, kind: str, span: tuple[int, int], where: tuple[int, int],
                new: str) -> None:
        text = (self.text[span[0] : where[0]] + new + self.text[where[1] : span[1]])
        self.add(kind, span, text, span)

    def unary(self, node: Cursor, span: tuple[int, int]) -> None:
        text = self.piece(span)
        operand = self.piece(extent(next(node.get_children())))
        if text.startswith(("++", "--")) or text.endswith(("++", "--")):
            other = {"++": "--", "--": "++"}
            sign = text[:2] if text[:2] in other else text[-2:]
            at = span[0] if text.startswith(sign) else span[1] - 2
            self.replace("arithmetic", span, (at, at + 2), other[sign])
        elif text.startswith("!"):
            self.add("boolean", span, f"!!({operand})", span)
        elif text.startswith(("-", "~")):
            self.add("arithmetic", span, operand, span)

    def literal(self, node: Cursor, span: tuple[int, int],
                above: list[Cursor]) -> None:
        shown = span
        for parent in reversed(above):
            if parent.kind not in (*SEEN_THROUGH, CursorKind.CSTYLE_CAST_EXPR,
                                   CursorKind.COMPOUND_STMT):
                if extent(parent)[1] - extent(parent)[0] <= SHOWN_MAX:
                    shown = extent(parent)
                break
        for other in neighbours(self.piece(span), not self.place.is_switched):
            self.add("constant", span, other, shown)

    def call(self, node: Cursor, span: tuple[int, int]) -> None:
        arguments = list(node.get_arguments())
        for first, one in enumerate(arguments):
            for other in arguments[first + 1 :]:
                a, b = extent(one), extent(other)
                if (type_name(one) != type_name(other) or a[1] > b[0]
                        or folded(self.piece(a)) == folded(self.piece(b))):
                    continue
                text = (self.text[span[0] : a[0]] + self.piece(b)
                        + self.text[a[1] : b[0]] + self.piece(a)
                        + self.text[b[1] : span[1]])
                self.add("arguments", span, text, span)

    def conditions(self, node: Cursor) -> None:
        children = list(node.get_children())
        if node.kind == CursorKind.DO_STMT:
            self.condition(children[-1])
        elif node.kind != CursorKind.FOR_STMT:
            self.condition(children[0])
        else:
            self.for_parts(node, children)

    def for_parts(self, node: Cursor, children: list[Cursor]) -> None:
        """The tree leaves out missing parts, so offsets decide."""
        first, second = semicolons(self.text, *extent(node))
        for child in children[:-1]:
            start, end = extent(child)
            if first < start < second:
                self.condition(child)
            elif start > second and self.in_macro((start, end)) is None:
                self.add("deletion", (start, end), "(void) 0", (start, end))

    def condition(self, node: Cursor) -> None:
        """The negated condition, unless another mutant is equal to it."""
        span = extent(node)
        inner = node
        while inner.kind in SEEN_THROUGH:
            inner = next(inner.get_children())
        text = self.piece(extent(inner))
        if inner.kind == CursorKind.BINARY_OPERATOR and not self.in_macro(span):
            left, right = inner.get_children()
            operator = folded(self.text[extent(left)[1] : extent(right)[0]])
            if operator in RELATIONAL:
                return
        if inner.kind == CursorKind.UNARY_OPERATOR and text.startswith("!"):
            return
        self.add("negation", span, f"!({self.piece(span)})", span)

    def statements(self, node: Cursor, kind: CursorKind) -> None:
        children = list(node.get_children())
        if kind in (CursorKind.CASE_STMT, CursorKind.DEFAULT_STMT):
            children = children[-1:]
        elif kind != CursorKind.COMPOUND_STMT:
            return
        for child in children:
            if child.kind not in DELETED or has_value(child):
                continue
            if child.kind == CursorKind.IF_STMT and is_one_deletion(child):
                continue
            if self.is_part_of_macro(child):
                continue
            self.add("deletion", extent(child), ";", extent(child), True)

    def is_part_of_macro(self, node: Cursor) -> bool:
        """Inside a macro's use, and not all of it."""
        span = extent(node)
        return any(start <= span[0] and span[1] <= end
                   and span != (start, end)
                   for start, end, _ in self.macros.get(self.place.file, []))

    # Macros have no tree: here it is the tokens that are changed.

    def macro(self, file: str, cursor: Cursor) -> None:
        tokens = list(cursor.get_tokens())
        body = tokens[1:]
        if body and body[0].spelling == "(" and touches(tokens[0], body[0]):
            depth = [token.spelling for token in body].index(")")
            body = body[depth + 1 :]
        self.enter(file, cursor, False)
        if not body:
            return
        for at, token in enumerate(body):
            span = extent(token)
            before = body[at - 1] if at > 0 else None
            after = body[at + 1] if at + 1 < len(body) else None
            if token.kind == TokenKind.LITERAL:
                if not is_idle(body, at):
                    for other in neighbours(token.spelling, True):
                        self.add("constant", span, other, around(body, at))
            elif is_binary(before, after):
                for kind, other in replaced(token.spelling):
                    self.add(kind, span, other, around(body, at))

    def finish(self) -> None:
        """Number what was found, and leave out what is the same twice."""
        names = collections.Counter()
        for place in sorted(self.places, key=lambda p: p.file):
            text = self.program.texts[place.file]
            ordinals: collections.Counter = collections.Counter()
            seen = set()
            for found in sorted(place.found, key=lambda f: (f["span"][0],
                                                            -f["span"][1])):
                start, end = found["span"]
                key = start, end, found["text"], found["is_statement"]
                if key in seen:
                    continue
                seen.add(key)
                shown = found["shown"]
                before = folded(text[shown[0] : shown[1]])
                after = folded(text[shown[0] : start] + found["text"]
                               + text[end : shown[1]])
                if found["operator"] == "deletion":
                    before, after = short(before), ""
                ordinals[before, after] += 1
                names[place.function] += 1
                self.program.mutants.append(Mutant(
                    name=f"{place.function}_{names[place.function]}",
                    file=place.file,
                    function=place.function,
                    line=text.count("\n", 0, start) + 1,
                    operator=found["operator"],
                    before=before,
                    after=after,
                    ordinal=ordinals[before, after],
                    is_switched=place.is_switched,
                    start=start, end=end, text=found["text"],
                    is_statement=found["is_statement"],
                ))


def extent(node: Cursor) -> tuple[int, int]:
    return node.extent.start.offset, node.extent.end.offset


def touches(one: cindex.Token, other: cindex.Token) -> bool:
    return one.extent.end.offset == other.extent.start.offset


def is_a_pointer(node: Cursor) -> bool:
    return node.type.get_canonical().kind in (TypeKind.POINTER,
                                              TypeKind.CONSTANTARRAY)


def type_name(node: Cursor) -> str:
    name = node.type.get_canonical().spelling
    return name.replace("const ", "")


def neighbours(text: str, is_definition: bool) -> list[str]:
    """0, 1, one more and one less than an integer literal; of a definition, which
    has many users, one more and one less."""
    match = re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)", text)
    if match is None:
        return []
    value = int(match[1], 0)
    values = set() if is_definition else {0, 1}
    if value <= NEIGHBOURS_MAX:
        values |= {value - 1, value + 1}
    return [f"{other}{match[2]}" for other in sorted(values - {value})]


def replaced(operator: str) -> list[tuple[str, str]]:
    return [
        *(("relational", other) for other in RELATIONAL.get(operator, ())),
        *(("boolean", BOOLEAN[operator]) for _ in [0] if operator in BOOLEAN),
        *(("arithmetic", ARITHMETIC[operator]) for _ in [0]
          if operator in ARITHMETIC),
    ]


def around(body: list[cindex.Token], at: int) -> tuple[int, int]:
    """The innermost parentheses around a token, or all of body."""
    first, last = at, at
    depth = 0
    while first > 0 and depth < 1:
        first -= 1
        depth += {"(": 1, ")": -1}.get(body[first].spelling, 0)
    depth = 0
    while last + 1 < len(body) and depth < 1:
        last += 1
        depth += {")": 1, "(": -1}.get(body[last].spelling, 0)
    return body[first].extent.start.offset, body[last].extent.end.offset


def is_binary(before: cindex.Token | None, after: cindex.Token | None) -> bool:
    """What stands between operands; a * before ) is a type's."""
    return (before is not None and after is not None and after.spelling != ")"
            and (before.kind in (TokenKind.IDENTIFIER, TokenKind.LITERAL)
                 or before.spelling == ")"))


def is_idle(body: list[cindex.Token], at: int) -> bool:
    """The number of (void) 0 or while (0)."""
    before = "".join(token.spelling for token in body[max(at - 3, 0) : at])
    return before.endswith(("(void)", "while("))


def has_value(node: Cursor) -> bool:
    """A return of something; a function's end without it is no program."""
    return node.kind == CursorKind.RETURN_STMT and any(node.get_children())


def is_one_deletion(node: Cursor) -> bool:
    """An if without else around one statement, which is deleted by itself."""
    children = list(node.get_children())
    if len(children) != 2 or children[1].kind != CursorKind.COMPOUND_STMT:
        return False
    inner = list(children[1].get_children())
    return len(inner) == 1 and inner[0].kind in DELETED and not has_value(inner[0])


def semicolons(text: str, start: int, end: int) -> tuple[int, int]:
    """The two of a for's head."""
    depth = 0
    found = []
    for at in range(text.index("(", start), end):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if text[at] == ";" and depth == 1:
            found.append(at)
            if len(found) == 2:
                return found[0], found[1]
    raise Refused(f"a for without a head: {text[start:end]}")


def short(statement: str) -> str:
    """A statement without the contents of its braces."""
    at = statement.find("{")
    return statement if at < 0 else statement[:at] + "{...}"


def generate(root: Path, sources: list[Path], files: list[Path],
             arguments: list[str]) -> Program:
    """All mutants of files, which the sources are or include."""
    program = Program()
    root = root.resolve()
    names = {str(path.resolve().relative_to(root)) for path in files}
    finder = Finder(program, root, names)
    for source in sources:
        finder.unit(parse(source, [*arguments, *resource_arguments()]))
    finder.finish()
    return program


# How mutants are built.


def take_planted(program: Program, name: str, file: str, span: tuple[int, int],
                 text: str) -> bool:
    """Have the bug that replaces span of file by text switched. False: it does not
    lie in a function, so it needs a build of its own."""
    for function, body in program.bodies.get(file, {}).items():
        if body.start < span[0] and span[1] < body.end:
            program.planted.append(Mutant(
                name=name, file=file, function=function, line=0,
                operator="planted", before="", after="", ordinal=1,
                is_switched=True, start=span[0], end=span[1], text=text))
            return True
    return False


def numbers(program: Program) -> dict[str, int]:
    """The number that chooses a switched mutant. 0 is the original. Those of a
    function that are generated follow each other, and those that are planted."""
    switched = [m.name for m in program.mutants if m.is_switched]
    planted = sorted(program.planted, key=lambda m: (m.file, m.function, m.name))
    names = [*switched, *(m.name for m in planted)]
    return {name: number for number, name in enumerate(names, 1)}


def single_text(program: Program, mutant: Mutant) -> str:
    text = program.texts[mutant.file]
    return text[: mutant.start] + mutant.text + text[mutant.end :]


def switched_text(program: Program, file: str) -> str:
    """The file with all of its switched mutants.

    Each function begins with a copy of itself that asks at each mutated place
    which mutant is chosen, and runs if that is one of the function's. Before it
    stands a copy for each planted bug.
    """
    text = program.texts[file]
    number_of = numbers(program)
    pieces = []
    at = 0
    bodies = program.bodies.get(file, {})
    for function, body in sorted(bodies.items(), key=lambda item: item[1].start):
        planted = own_of(program.planted, file, function)
        generated = own_of(program.mutants, file, function)
        copies = (planted_copies(text, body, planted, number_of)
                  + generated_copy(text, body, generated, number_of))
        if copies:
            pieces += [text[at : body.start + 1], copies]
            at = body.start + 1
    header = f'#include "{SWITCH_HEADER}"\n' if pieces else ""
    return header + "".join(pieces) + text[at:]


def own_of(mutants: list[Mutant], file: str, function: str) -> list[Mutant]:
    return [m for m in mutants
            if m.is_switched and m.file == file and m.function == function]


def generated_copy(text: str, body: Body, own: list[Mutant],
                   number_of: dict[str, int]) -> str:
    if not own:
        return ""
    inner = render(text, body.start + 1, body.end - 1, own, number_of)
    return switch("mutant_in", [number_of[m.name] for m in own],
                  f"{inner}\n{body.last_statement}")


def planted_copies(text: str, body: Body, own: list[Mutant],
                   number_of: dict[str, int]) -> str:
    """Most runs are of none of them, so they have one question in common."""
    if not own:
        return ""
    copies = ""
    for mutant in sorted(own, key=lambda m: number_of[m.name]):
        inner = (text[body.start + 1 : mutant.start] + mutant.text
                 + text[mutant.end : body.end - 1])
        copies += switch("mutant_is", [number_of[mutant.name]],
                         f"{inner}\n{body.last_statement}")
    return switch("mutant_in", [number_of[m.name] for m in own], copies)


def switch(function: str, own: list[int], inner: str) -> str:
    numbers = f"{min(own)}, {max(own)}" if function == "mutant_in" else f"{own[0]}"
    return f"\nif ({function}({numbers})) {{{inner}\n}}"


def render(text: str, start: int, end: int, mutants: list[Mutant],
           number_of: dict[str, int]) -> str:
    """text from start to end, with mutants switched."""
    sites = collections.defaultdict(list)
    for mutant in mutants:
        if start <= mutant.start and mutant.end <= end:
            sites[mutant.start, -mutant.end, not mutant.is_statement].append(mutant)
    pieces = []
    at = start
    for (begin, negated_end, is_expression), alternatives in sorted(sites.items()):
        if begin < at:
            continue  # inside one that was rendered
        finish = -negated_end
        rest = [m for m in mutants if m not in alternatives
                and begin <= m.start and m.end <= finish]
        inner = render(text, begin, finish, rest, number_of)
        pieces.append(text[at:begin])
        if is_expression:
            chosen = "".join(f"mutant_is({number_of[m.name]}) ? ({m.text}) : "
                             for m in alternatives)
            if any(m.operator == "deletion" for m in alternatives):
                inner = f"(void) ({inner})"
            pieces.append(f"({chosen}({inner}))")
        else:
            (deleted,) = alternatives
            pieces.append(f"if (!mutant_is({number_of[deleted.name]})) {{{inner};}}")
        at = finish
    pieces.append(text[at:end])
    return "".join(pieces)


# The pool.


def pool(root: Path) -> Program:
    """All mutants of the library in root."""
    folders = root / "pool", root / "pool/standalone"
    sources = sorted(path for each in folders for path in each.glob("*.c"))
    headers = sorted(path for each in folders for path in each.glob("*.h"))
    arguments = ["-std=gnu11", "-DNGX_DEBUG", *(f"-I{each}" for each in folders)]
    return generate(root, sources, [*sources, *headers], arguments)


def main() -> int:
    parser = argparse.ArgumentParser(description="List the pool's mutants.")
    parser.add_argument("--root", type=Path,
                        default=Path(__file__).resolve().parents[2])
    parser.add_argument("files", nargs="*", help="only those of these files")
    arguments = parser.parse_args()
    program = pool(arguments.root)
    for mutant in program.mutants:
        if not arguments.files or mutant.file in arguments.files:
            way = "switched" if mutant.is_switched else "single"
            print(f"{mutant.file}:{mutant.line}: {mutant.name}: {mutant.operator}, "
                  f"{way}: {mutant.before} -> {mutant.after}")
    print(f"{len(program.mutants)} mutants, left out in macros' arguments: "
          f"{dict(program.left_out)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
