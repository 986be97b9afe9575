"""Parses PowerShell from standard input with tree-sitter's grammar, and prints what it contains as JSON: the places that do not
parse, each command with its parameters, and the verbatim strings.
"""

import json
import sys

import tree_sitter
import tree_sitter_powershell

language = tree_sitter.Language(tree_sitter_powershell.language())
tree = tree_sitter.Parser(language).parse(sys.stdin.buffer.read())
errors, commands, strings = [], [], []


def visit(node):
    text = node.text.decode()
    if node.type == "ERROR" or node.is_missing:
        errors.append(f"{node.start_point.row + 1}: {text}")
    if node.type == "command":
        elements = [part for child in node.children if child.type == "command_elements" for part in child.children]
        parameters = [part.text.decode() for part in elements if part.type == "command_parameter"]
        commands.append([node.children[0].text.decode(), parameters])
    if node.type == "verbatim_string_characters":
        strings.append(text)
    for child in node.children:
        visit(child)


visit(tree.root_node)
print(json.dumps({"errors": errors, "commands": commands, "strings": strings}))
