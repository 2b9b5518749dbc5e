"""What Slack and Microsoft Teams refuse of a message to one of their incoming webhooks."""

import json
from pathlib import Path

import jsonschema

CARD = json.loads(Path(__file__).with_name("adaptive-card.json").read_text(encoding="utf-8"))
MOST_OF_A_CARD = 28_000
# docs.slack.dev/reference/block-kit/blocks
MOST_BLOCKS = 50
MOST_FIELDS = 10
LONGEST = {"header": 150, "section": 3_000, "field": 2_000}


def problems(body):
    if "attachments" in body:
        return list(of_teams(body))
    return list(of_slack(body))


def of_teams(body):
    if body.get("type") != "message":
        yield "`type` is not `message`"
    if len(json.dumps(body, ensure_ascii=False).encode()) > MOST_OF_A_CARD:
        yield "a message has 28 KB at most"
    for attachment in body["attachments"]:
        if attachment.get("contentType") != "application/vnd.microsoft.card.adaptive":
            yield "the attachment is not an Adaptive Card"
        for error in jsonschema.Draft6Validator(CARD).iter_errors(attachment.get("content")):
            yield f"card: {error.message[:500]}"


def of_slack(body):
    if not isinstance(body.get("text"), str) or not body["text"]:
        yield "`text` is missing"
    blocks = body.get("blocks", [])
    if len(blocks) > MOST_BLOCKS:
        yield f"a message has {MOST_BLOCKS} blocks at most"
    for block in blocks:
        yield from of_block(block)


def of_block(block):
    kind = block.get("type")
    if kind not in ("header", "section", "context", "divider"):
        yield f"{kind} is not a block"
    if kind == "header" and block.get("text", {}).get("type") != "plain_text":
        yield "a header is plain text"
    fields = [*block.get("fields", []), *block.get("elements", [])]
    if kind == "section" and not fields and "text" not in block:
        yield "a section has a text or fields"
    if len(fields) > MOST_FIELDS:
        yield f"a block has {MOST_FIELDS} fields at most"
    texts = [(kind, block["text"])] if "text" in block else []
    for name, text in [*texts, *(("field", field) for field in fields)]:
        said = text.get("text")
        if text.get("type") not in ("plain_text", "mrkdwn") or not isinstance(said, str):
            yield f"{name}: not a text object"
        elif not 0 < len(said) <= LONGEST[name]:
            yield f"{name}: {len(said)} characters, 1 to {LONGEST[name]} are taken"
