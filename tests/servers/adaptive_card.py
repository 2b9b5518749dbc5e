"""adaptive_card.py SCHEMA: writes adaptive-card.json, what Microsoft's schema of Adaptive Cards 1.4 says of the elements that
mlgate's messages are made of; all other elements are refused.

The schema is schemas/1.4.0/adaptive-card.json of https://github.com/microsoft/AdaptiveCards (see adaptive-card.NOTICE).
"""

import json
import sys
from pathlib import Path

KEPT = {"AdaptiveCard", "RichTextBlock", "TextRun", "Action.OpenUrl"}
WORDS = {"description", "version", "features", "examples", "default"}


def main():
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    definitions, kept = described["definitions"], {}
    elements = {name for name, said in definitions.items() if "type" in said.get("properties", {})} - KEPT
    start = slim(described["anyOf"], elements)
    keep(start, definitions, elements, kept)
    schema = {"$schema": described["$schema"], "anyOf": start, "definitions": kept}
    target = Path(__file__).with_name("adaptive-card.json")
    target.write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")


def keep(part, definitions, elements, kept):
    for name in references(part):
        if name not in kept:
            kept[name] = slim(definitions[name], elements)
            keep(kept[name], definitions, elements, kept)


def references(part):
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].rpartition("/")[2]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def slim(part, elements):
    """`part` without words; an element that is not kept is a schema that nothing satisfies."""
    if isinstance(part, list):
        return [slim(value, elements) for value in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("$ref"), str) and part["$ref"].rpartition("/")[2] in elements:
        return {"not": {}}
    return {key: slim(value, elements) for key, value in part.items() if key not in WORDS or isinstance(value, dict)}


if __name__ == "__main__":
    main()
