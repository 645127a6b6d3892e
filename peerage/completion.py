"""Completion scripts for bash, zsh and fish, made of the command tree; they ask nothing of the program afterwards."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from peerage.command_tree import PROGRAM, CommandNode, CommandOption


def bash_completion(tree: CommandNode) -> str:
    """Return the script for bash, to be sourced or put into /usr/share/bash-completion/completions/peerage."""
    nodes = list(tree.walk())
    words = "\n".join(map(_bash_words, nodes))
    values = "\n".join(_bash_values(each) for each in nodes if any(option.value for option in each.options))
    known = "|".join(_quoted(_name(each)) for each in nodes if each.path)
    return f"""# bash completion for {PROGRAM}, made by `{PROGRAM} completion bash`
_{PROGRAM}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}}
    local at={PROGRAM} words='' options='' paths=0 i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$at ${{COMP_WORDS[i]}}" in
            {known}) at="$at ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$at $prev" in
{values}
    esac
    case "$at" in
{words}
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$words" -- "$cur"))
        if [[ $paths == 1 ]]; then
            COMPREPLY+=($(compgen -f -- "$cur"))
        fi
    fi
}}
complete -o filenames -o bashdefault -F _{PROGRAM} {PROGRAM}
"""


def _bash_words(node: CommandNode) -> str:
    """Return the case of what may stand at a command."""
    words, options = _quoted(" ".join(_words(node))), _quoted(" ".join(_spelled(node)))
    return f"        {_quoted(_name(node))}) words={words} options={options} paths={int(node.takes_path)} ;;"


def _bash_values(node: CommandNode) -> str:
    """Return the cases of what an option of a command takes; what cannot be told is left to who types."""
    lines = []
    for option in node.options:
        if not option.value:
            continue
        case = "|".join(_quoted(f"{_name(node)} {name}") for name in option.names)
        if option.choices:
            reply = f'COMPREPLY=($(compgen -W {_quoted(" ".join(option.choices))} -- "$cur"))'
        else:
            reply = 'COMPREPLY=($(compgen -f -- "$cur"))' if option.is_path else ":"
        lines.append(f"        {case}) {reply}; return ;;")
    return "\n".join(lines)


def zsh_completion(tree: CommandNode) -> str:
    """Return the script for zsh, to be put as _peerage into a folder of $fpath."""
    cases = "\n".join(_zsh_case(each) for each in tree.walk())
    known = "|".join(_quoted(_name(each)) for each in tree.walk() if each.path)
    return f"""#compdef {PROGRAM}
# zsh completion, made by `{PROGRAM} completion zsh`
_{PROGRAM}() {{
    local at={PROGRAM} word
    local -a below
    for word in ${{words[2,CURRENT-1]}}; do
        case "$at $word" in
            ({known}) at="$at $word" ;;
        esac
    done
    case "$at" in
{cases}
    esac
}}
_{PROGRAM} "$@"
"""


def _zsh_case(node: CommandNode) -> str:
    """Return what is completed at a command, by _describe for words below it and _arguments for options."""
    lines = [f"        ({_quoted(_name(node))})"]
    if node.below:
        described = " ".join(_quoted(f"{each.path[-1]}:{_plain(each.summary)}") for each in node.below)
        lines += [f"            below=({described})", "            _describe 'command' below"]
    specs = " ".join(_quoted(spec) for option in node.options for spec in _zsh_specs(option))
    if node.choices:
        rest = _quoted(f"*: :({' '.join(node.choices)})")
    else:
        rest = _quoted("*: :_files") if node.takes_path else _quoted("*: :")
    if not node.below:
        lines.append(f"            _arguments -A '-*' {specs} {rest}")
    return "\n".join([*lines, "            ;;"])


def _zsh_specs(option: CommandOption) -> Iterable[str]:
    for name in option.names:
        text = f"{name}[{_plain(option.help)}]"
        if option.choices:
            yield f"{text}:value:({' '.join(option.choices)})"
        elif option.value:
            yield f"{text}:value:{'_files' if option.is_path else ' '}"
        else:
            yield text


def fish_completion(tree: CommandNode) -> str:
    """Return the script for fish, to be put as peerage.fish into ~/.config/fish/completions."""
    known = " ".join(_quoted(" ".join(each.path)) for each in tree.walk() if each.path)
    lines = [
        f"# fish completion for {PROGRAM}, made by `{PROGRAM} completion fish`",
        f"function __{PROGRAM}_at",
        "    set -l at",
        "    for word in (commandline -opc)[2..-1]",
        f'        if contains -- (string trim -- "$at $word") {known}',
        '            set at (string trim -- "$at $word")',
        "        end",
        "    end",
        '    test "$at" = "$argv[1]"',
        "end",
        f"complete -c {PROGRAM} -f",
    ]
    for node in tree.walk():
        condition = f"__{PROGRAM}_at {_quoted(' '.join(node.path))}"
        here = f"complete -c {PROGRAM} -n {_fish_quoted(condition)}"
        lines += [f"{here} -a {each.path[-1]} -d {_quoted(_plain(each.summary))}" for each in node.below]
        lines += [f"{here} -a {_quoted(' '.join(node.choices))}"] if node.choices else []
        lines += [f"{here} -F"] if node.takes_path else []
        lines += [f"{here} {_fish_option(option)}" for option in node.options]
    return "\n".join(lines) + "\n"


def _fish_option(option: CommandOption) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    takes = " -x" if option.value and not option.is_path else " -rF" if option.value else ""
    choices = f" -a {_quoted(' '.join(option.choices))}" if option.choices else ""
    return f"{' '.join(names)}{takes}{choices} -d {_quoted(_plain(option.help))}"


SHELLS: Mapping[str, Callable[[CommandNode], str]] = MappingProxyType(
    {"bash": bash_completion, "zsh": zsh_completion, "fish": fish_completion}
)
"""What makes the script of each shell."""


def _name(node: CommandNode) -> str:
    return " ".join([PROGRAM, *node.path])


def _words(node: CommandNode) -> tuple[str, ...]:
    return tuple(each.path[-1] for each in node.below) or node.choices


def _spelled(node: CommandNode) -> list[str]:
    return [name for option in node.options for name in option.names]


def _plain(text: str) -> str:
    """Return text without what means something to a shell's description, at most a line."""
    kept = "".join(char for char in text if char not in "[]:'\"\\`$")
    return " ".join(kept.split())[:120]


def _fish_quoted(text: str) -> str:
    return '"' + text + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
