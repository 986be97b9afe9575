"""Reads a Markdown document from standard input as markdown-it-py does, and prints what it found as JSON: headings, tables with the
text of their cells, code spans, fenced blocks, and the entries of lists. Any HTML in the document fails."""

import json
import sys

from markdown_it import MarkdownIt

found = {"headings": [], "tables": [], "spans": [], "fences": [], "entries": []}
tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(sys.stdin.read())
for number, token in enumerate(tokens):
    assert token.type not in ("html_block", "code_block"), f"{token.type} in line {token.map}"
    opened = tokens[number - 1].type if number else ""
    if token.type == "table_open":
        found["tables"].append([])
    elif token.type == "tr_open":
        found["tables"][-1].append([])
    elif token.type == "fence":
        found["fences"].append(token.content)
    elif token.type == "inline":
        assert all(child.type in ("text", "code_inline") for child in token.children), token.content
        found["spans"] += [child.content for child in token.children if child.type == "code_inline"]
        text = "".join(child.content for child in token.children if child.type == "text")
        assert not set("`|<>*") & set(text), f"markup that was not rendered: {token.content}"
        if opened == "heading_open":
            found["headings"].append(token.content)
        elif opened in ("th_open", "td_open"):
            found["tables"][-1][-1].append(token.content)
        elif opened == "paragraph_open" and tokens[number - 2].type == "list_item_open":
            found["entries"].append(token.content)
json.dump(found, sys.stdout)
