"""Finds listings of Python in a document, and gives one back its indentation where the document has lost it.

A listing is what stands between fences that say python, or else a run of lines that begins with an import, a class, a
function or a decorator and of which each is Python. One that compiles is run as it is written. One that does not, and has
no indentation at all, is indented again, line by line:

    after a colon                        one deeper, as it must be
    class; def with self                 at the margin; in the class
    else, elif, except, finally          beside the innermost that takes it
    after return, raise, break, continue one out
    anything else                        as deep as the deepest block that binds a name it uses, and stays if it uses none;
                                         never out of a `try` that has no `except` yet; a comment ends a `with`

Nothing but leading spaces is added. What cannot be told this way may come out differently from what its author wrote.
"""
import ast
import io
import re
import textwrap
import tokenize
from collections import namedtuple

Listing = namedtuple('Listing', 'line source written why')

begins = re.compile(r'(import \w|from [\w.]+ import |class \w+|def \w+|@\w)')
fence = re.compile(r'^(\s*)```(\w*)\s*$')
width = '    '


def listings(text):
    lines = text.split('\n')
    fenced = any(fence.match(line) and fence.match(line)[2] == 'python' for line in lines)
    for line, source in (_fenced if fenced else _runs)(lines):
        yield _readable(line, source)


def _readable(line, source):
    source = textwrap.dedent(source)
    try:
        ast.parse(source)
        return Listing(line, source, True, None)
    except SyntaxError as error:
        why = f'{error.msg}, line {line + (error.lineno or 1) - 1}'
    try:
        restored = indented(source)
        ast.parse(restored)
        return Listing(line, restored, False, None)
    except (SyntaxError, ValueError) as error:
        return Listing(line, None, False, f'{why}; indented again: {error}')


def _fenced(lines):
    start, kind = None, None
    for number, line in enumerate(lines, 1):
        found = fence.match(line)
        if not found:
            continue
        if start is None:
            start, kind = number, found[2]
        else:
            if kind == 'python':
                yield start + 1, '\n'.join(lines[start:number - 1])
            start = None


def _runs(lines):
    at = 0
    while at < len(lines):
        if not begins.match(lines[at]):
            at += 1
            continue
        start = at
        while at < len(lines):
            taken = _logical(lines, at)
            if taken is None:
                break
            at = taken
        if at == start:
            at += 1
            continue
        yield start + 1, '\n'.join(lines[start:at])


def _logical(lines, at):
    """The index behind the logical line that begins at `at`; None where that is no line of Python."""
    if not lines[at].strip():
        return None
    for end in range(at + 1, min(len(lines), at + 400) + 1):
        text = '\n'.join(lines[at:end])
        if _open(text):
            continue
        return end if _statement(text) is not None else None
    return None


def _open(text):
    try:
        for _ in tokenize.generate_tokens(io.StringIO(text + '\n').readline):
            pass
        return False
    except tokenize.TokenError:
        return True
    except (SyntaxError, IndentationError):
        return False


_lead = {'elif': 'if 0:\n pass\n', 'else': 'if 0:\n pass\n', 'except': 'try:\n pass\n', 'finally': 'try:\n pass\n'}


def _word(text):
    return re.match(r'[@\w]*', text)[0]


def _statement(text):
    """The node of one logical line; a comment is ''. None for what is no Python, and for a lone word of prose."""
    text = text.strip()
    if text.startswith('#'):
        return ''
    word = _word(text)
    body = '\n pass' if text.split('#')[0].rstrip().endswith(':') else ''
    if word.startswith('@'):
        text, body = text + '\ndef _(): pass', ''
    if word == 'try':
        body += '\nfinally: pass'
    for candidate in (_lead.get(word, '') + text + body, f'def _():\n while 1:\n  {text}'):
        try:
            node = ast.parse(candidate).body[-1]
        except SyntaxError:
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, (ast.Name, ast.Tuple)):
            return None
        return node
    return None


class _Block:
    def __init__(self, word, bound=()):
        self.word = word
        self.bound = set(bound)
        self.modules = set()


def indented(source):
    """The flat source with its indentation again."""
    lines = source.split('\n')
    if any(line.startswith((' ', '\t')) for line in lines):
        raise ValueError('it has some indentation')
    logical, at = [], 0
    while at < len(lines):
        end = _logical(lines, at)
        if end is None:
            raise ValueError(f'no Python: {lines[at][:60]}')
        logical.append('\n'.join(lines[at:end]))
        at = end
    blocks = [_Block('module')]
    out, opened, ended, remark = [], False, False, False
    for i, text in enumerate(logical):
        node = _statement(text)
        word = _word(text)
        if node == '':
            out.append(text)
            remark = True
            continue
        if not opened:
            _place(blocks, text, word, node, logical[i + 1:], ended, remark)
        depth = len(blocks) - 1
        out.append(width * depth + text)
        known = set().union(*(block.bound for block in blocks))
        own = {node.name} if word in ('def', 'class') else set()
        binds = _names(node)[1] - known - own
        # What a header binds is bound in what it heads; a name that is there already, where it was bound first.
        if word in ('import', 'from'):
            blocks[-1].modules |= binds
        blocks[-1].bound |= own | (set() if word in _headers else binds)
        opened = text.split('#')[0].rstrip().endswith(':') and word in _headers
        if opened:
            blocks.append(_Block(word, () if word == 'class' else binds))
        if word.startswith('@'):
            blocks.append(_Block('@'))
        ended = not opened and word in ('return', 'raise', 'break', 'continue', 'pass')
        remark = False
    return '\n'.join(out)


_headers = {'class', 'def', 'if', 'elif', 'else', 'for', 'while', 'try', 'except', 'finally', 'with'}
_takes = {'elif': ('if', 'elif'), 'else': ('if', 'elif', 'for', 'while', 'except'), 'except': ('try', 'except'),
          'finally': ('try', 'except', 'else')}


def _place(blocks, text, word, node, rest, ended, remark):
    """Closes the blocks that the line does not belong to."""
    if word in _takes:
        while len(blocks) > 1:
            if blocks.pop().word in _takes[word]:
                return
        raise ValueError(f'nothing for {text}')
    if blocks[-1].word == '@':
        blocks.pop()
        return
    method = re.match(r'def \w+\((self|cls)\b|@(static|class)method|@property', text)
    if word == 'class' or (word == 'def' or word.startswith('@')) and not method:
        del blocks[1:]
        return
    if method:
        while len(blocks) > 1 and blocks[-1].word != 'class':
            blocks.pop()
        return
    if ended and len(blocks) > 1 and blocks[-1].word != 'try':
        blocks.pop()
    elif blocks[-1].word == 'except' and not remark:
        return
    if remark and blocks[-1].word == 'with':
        blocks.pop()
    header = next((_word(each) for each in rest if _word(each) in _headers), None)
    # What a branch follows on is not closed before it; a `try` not before its `except`.
    held = ('try', *_takes['elif']) if header in ('elif', 'else') else ('try',)
    used = _names(node)[0]
    if word in _headers and rest:
        inner = _statement(rest[0])
        used |= _names(inner)[0] if inner else set()
    # A module may be used anywhere, and `self` nowhere but in a method.
    inside = 'self' in {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    known = [depth for depth, block in enumerate(blocks) if used & block.bound and (depth > 0 or not inside)]
    if len(known) == 1 and known[0] == 0 and used & blocks[0].bound <= blocks[0].modules:
        known = []
    if known:
        while len(blocks) - 1 > known[-1] and blocks[-1].word not in held:
            blocks.pop()


def names_in(node):
    """The names that are read, and those that are bound, anywhere in `node`."""
    loads, binds = set(), set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            (loads if isinstance(each.ctx, ast.Load) else binds).add(each.id)
        elif isinstance(each, ast.arg):
            binds.add(each.arg)
        elif isinstance(each, ast.alias):
            binds.add((each.asname or each.name).split('.')[0])
        elif isinstance(each, ast.ExceptHandler) and each.name:
            binds.add(each.name)
        elif isinstance(each, (ast.FunctionDef, ast.ClassDef)):
            binds.add(each.name)
    return loads, binds


def _names(node):
    loads, binds = names_in(node)
    return loads - {'self', 'cls'}, binds - {'self', 'cls'}
