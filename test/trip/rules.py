"""What has to become of a request on its way, by the table of docs/providers.md.

The table says of every feature whether a protocol carries, changes, leaves out or refuses it. What
"changed" means stands here, a function a protocol: it makes of the request as it was told what has
to be told of the one that comes out.
"""
import base64
import copy
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANNOTATIONS = "annotations of an earlier answer"
TIERS = ("auto", "default", "flex", "scale", "priority")


def table():
    """{protocol: {feature: how}} of the page."""
    rows, heads = {}, None
    for line in open(os.path.join(ROOT, "docs", "providers.md"), encoding="utf-8"):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if line.startswith("| a request that has"):
            heads = [c.strip("`") for c in cells[1:]]
            rows = {h: {} for h in heads}
        elif heads and line.startswith("|") and not line.startswith("|-"):
            for head, cell in zip(heads, cells[1:]):
                rows[head][cells[0]] = re.sub(r" \(\d+\)$", "", cell)
        elif heads and not line.strip():
            break
    return rows


# ---- what a request makes use of ----

def inside(blocks):
    for b in blocks:
        yield b, False
        if b[0] == "result":
            for c in b[4]:
                yield c, True


MEDIA = {("image", "data"): "images as data", ("image", "url"): "images by URL",
         ("document", "data"): "documents as data", ("document", "url"): "documents by URL",
         ("document", "text"): "documents as plain text",
         ("document", "id"): "files of the provider by id",
         ("image", "id"): "files of the provider by id"}
KINDS = {"call": "tool calls and their results", "result": "tool calls and their results",
         "audio": "sound", "thinking": "earlier thinking, with its signature",
         "hidden": "earlier thinking that is encrypted", "refusal": "earlier refusals",
         "cache": "cache_control"}


def block_uses(b, in_result):
    if b[0] in KINDS:
        yield KINDS[b[0]]
    if b[0] in ("image", "document"):
        yield MEDIA[b[0], b[1]]
    if b[0] == "image" and b[4]:
        yield "an image's detail"
    if in_result and b[0] not in ("text", "cache"):
        yield "images or documents in a tool result"
    if b[0] == "result" and b[2]:
        yield "a tool result marked as an error"
    if b[0] == "result" and b[3]:
        yield "a tool result's name"


def message_uses(talk):
    others = False
    for role, blocks in talk.messages:
        if role in ("system", "developer"):
            yield "system messages behind others" if others else "system messages in front"
            if role == "developer":
                yield "role developer"
        else:
            others = True
        for b, in_result in inside(blocks):
            yield from block_uses(b, in_result)
    if talk.messages[-1][0] == "assistant":
        yield "an assistant message at the end"


def uses(talk):
    found = set(message_uses(talk)) | set(talk.params)
    for name, have in {
            "a limit of tokens": talk.max, "stop sequences": talk.stop,
            "JSON without a schema as the answer's form": talk.format[0] == "json_object",
            "a JSON schema as the answer's form": talk.format[0] == "json_schema",
            "a budget of thinking tokens": isinstance(talk.think, tuple),
            "thinking as the model sees fit": talk.think == "adaptive",
            "thinking switched off": talk.think == "off", "tools": talk.tools,
            "strict tool schemas": any(t[3] is not None for t in talk.tools),
            "cache_control": any(t[4] for t in talk.tools),
            "the choice of a tool": talk.choice, "parallel tool calls switched off": talk.serial,
            "a temperature over 1": float(talk.params.get("temperature", 0)) > 1}.items():
        if have:
            found.add(name)
    return found


# ---- pieces of what is changed ----

class Refused(Exception):
    """By a value, not by a feature's row. Of several reasons any may be the one that is told."""
    WORDS = ("takes no message without content", "takes documents as PDF or as plain text",
             "takes an image by URL only from S3", "takes a document by URL only from S3",
             "converse has nothing for a", "does not say its media type",
             "knows no reasoning effort", "cannot forbid tools", "cannot both force a tool",
             "converse has nothing for content of this type in a tool's result")

    def is_told(self, line):
        return not line.startswith("ok") and any(words in line for words in self.WORDS)


def seal_of(seal):
    """Its maker and what is the maker's own."""
    if not seal:
        return None, None
    if re.match(r"[a-z]+:", seal):
        return tuple(seal.split(":", 1))
    return ("openai" if seal.startswith("gAAAA") else "anthropic"), seal


def own(seal, maker):
    return seal_of(seal)[1] if seal_of(seal)[0] == maker else None


def is_blank(text):
    return not text.strip(" \t\r\n\f\v")


def map_blocks(talk, change):
    """change(block, in_result) -> blocks."""
    def all_of(blocks, in_result):
        made = []
        for b in blocks:
            if b[0] == "result":
                b = (*b[:4], tuple(all_of(b[4], True)))
            made += change(b, in_result)
        return made
    for m in talk.messages:
        m[1] = all_of(m[1], False)


def without(talk, *kinds):
    map_blocks(talk, lambda b, _: [] if b[0] in kinds else [b])


def nameless(b):
    return (*b[:3], None, b[4]) if b[0] == "result" else b


def results_first(talk):
    """Of what a user says at once: results, what stood in them, and all else."""
    made = []
    for role, blocks in talk.messages:
        if role == "user" and made and made[-1][0] == role:
            made[-1][1].extend(blocks)
        else:
            made.append([role, list(blocks)])
    order = {"result": 0, "of a result": 1}
    for m in made:
        m[1].sort(key=lambda b: order.get(b[0], 2))
        m[1] = [b[1] if b[0] == "of a result" else b for b in m[1]]
    talk.messages = made


def blanks_out(talk, provider, blank):
    """Texts that say nothing go, with their marks; so do messages of nothing else."""
    def clean(blocks):
        made, gone = [], False
        for b in blocks:
            gone = (b[0] in ("text", "refusal") and blank(b[1])) or (gone and b[0] == "cache")
            if b[0] == "result":
                b = (*b[:4], tuple(clean(b[4])))
            made += [] if gone else [b]
        return made
    for m in talk.messages:
        m[1] = clean(m[1])
    said = [role for role, blocks in talk.messages if blocks]
    if talk.messages[-1] == ["user", []] and said[-1:] != ["user"]:
        raise Refused(f"{provider} takes no empty message")


def one_system(talk):
    for m in talk.messages:
        m[0] = "system" if m[0] == "developer" else m[0]


def keep_params(talk, *names):
    talk.params = {n: v for n, v in talk.params.items() if n in names}


def effort_of(think):
    if think == "off":
        return "none"
    if not isinstance(think, tuple):
        return None
    budget = int(think[1])
    return "low" if budget < 4096 else "medium" if budget < 16384 else "high"


def b64(text):
    return base64.b64encode(text.encode()).decode()


# ---- by protocol ----

def to_chat(talk, _):
    def change(b, in_result):
        if b[0] == "cache" or b[0] == "hidden" or (b[0] == "thinking" and (b[2] or not b[1])):
            return []
        if b[0] == "result":
            return [(*b[:2], False, b[3], tuple(c for c in b[4] if c[0] == "text"))] + [
                ("of a result", c) for c in b[4] if c[0] != "text"]
        if b[0] == "document" and b[1] == "text":
            return [("text", b[3])]
        if b[0] == "document" and b[1] == "data":
            return [(*b[:4], b[4] or "document")]
        return [b]
    map_blocks(talk, change)
    results_first(talk)
    for m in talk.messages:
        m[1].sort(key=lambda b: b[0] != "thinking")
        thoughts = [b[1] for b in m[1] if b[0] == "thinking"]
        if len(thoughts) > 1:
            m[1] = [("thinking", "".join(thoughts), None)] + m[1][len(thoughts):]
        m[1].sort(key=lambda b: b[0] == "call")
    talk.params.setdefault("reasoning effort", effort_of(talk.think))
    talk.think = "off" if talk.params["reasoning effort"] == "none" else None
    for name in ("how thinking is shown", "a summary of the reasoning",
                 "more about the parts of an answer", "what an assistant's message is for",
                 ANNOTATIONS):
        talk.params.pop(name, None)
    talk.tools = [(*t[:4], None) for t in talk.tools]
    if talk.format[0] == "json_schema" and not talk.format[2]:
        talk.format = (*talk.format[:2], "answer", *talk.format[3:])


def to_messages(talk, _):
    def change(b, _):
        if b[0] == "refusal":
            return [("text", b[1])]
        if b[0] == "thinking":
            seal = own(b[2], "anthropic")
            return [("thinking", b[1], seal)] if seal else []
        if b[0] == "hidden":
            return [b] if seal_of(b[1])[0] in (None, "anthropic") else []
        if b[0] == "document" and b[1] == "data" and b[2] != "application/pdf":
            if b[2] != "text/plain":
                raise Refused("Anthropic takes documents as PDF or as plain text")
            return [("document", "text", None, base64.b64decode(b[3]).decode(), b[4])]
        return [nameless(b)]
    map_blocks(talk, change)
    blanks_out(talk, "Anthropic", is_blank)
    one_system(talk)
    budget = int(talk.think[1]) if isinstance(talk.think, tuple) else 0
    talk.max = talk.max or str(4096 + budget)
    effort = talk.params.get("reasoning effort")
    if effort == "none":
        talk.think = talk.think or "off"
        del talk.params["reasoning effort"]
    elif effort == "minimal":
        talk.params["reasoning effort"] = "low"
    if talk.params.get("service tier") not in ("auto", "standard_only"):
        talk.params.pop("service tier", None)
    keep_params(talk, "temperature", "top_p", "top_k", "reasoning effort", "service tier",
                "the end user's name", "how thinking is shown")
    talk.format = (*talk.format[:2], None, None, None)


def to_responses(talk, _):
    def change(b, _):
        if b[0] == "cache":
            return []
        if b[0] in ("thinking", "hidden"):
            seal = own(b[-1], "openai")
            return [("thinking", b[1] if b[0] == "thinking" else "", seal)] if seal else []
        if b[0] == "result":
            return [(*b[:2], False, None, b[4])]
        if b[0] == "document" and b[1] == "text":
            return [("document", "data", "text/plain", b64(b[3]), b[4] or "document.txt")]
        if b[0] == "document" and b[1] == "data":
            kind = b[2] or "application/pdf"
            pdf = kind == "application/pdf"
            return [("document", "data", kind, b[3],
                     b[4] or ("document.pdf" if pdf else "document.txt"))]
        if b[0] == "document":
            return [(*b[:4], None)]
        return [b]
    map_blocks(talk, change)
    results_first(talk)
    reasons = talk.think not in (None, "off") or talk.params.get("reasoning effort")
    talk.params.setdefault("reasoning effort", effort_of(talk.think))
    talk.think = None
    talk.params.setdefault("keeping the answer at the provider", False)
    if reasons:
        talk.params["more about the parts of an answer"] = ["reasoning.encrypted_content"]
    if talk.params.get("service tier") not in TIERS:
        talk.params.pop("service tier", None)
    for name in ("metadata", "how thinking is shown", ANNOTATIONS):
        talk.params.pop(name, None)
    talk.tools = [(*t[:2], t[2] or {"type": "object", "properties": {}}, t[3] or False, None)
                  for t in talk.tools]
    if talk.format[0] == "json_schema" and not talk.format[2]:
        talk.format = (*talk.format[:2], "answer", *talk.format[3:])


ENDINGS = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
           "webp": "image/webp", "pdf": "application/pdf", "txt": "text/plain"}
BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576,
           "max": 24576}
LEVELS = {"none": "low", "xhigh": "high", "max": "high"}


def gemini_thinking(talk, old):
    effort = talk.params.pop("reasoning effort", None)
    effort = "none" if talk.think == "off" else effort
    if isinstance(talk.think, tuple):
        return (talk.think[1], None)
    if effort:
        return (str(BUDGETS[effort]), None) if old else (None, LEVELS.get(effort, effort))
    return ("-1", None) if old and talk.think else (None, None)


def gemini_detail(talk):
    media = [b for _, blocks in talk.messages for b, _ in inside(blocks)
             if b[0] in ("image", "document")]
    details = [b[4] for b in media if b[0] == "image"]
    if "high" in details:
        return "MEDIA_RESOLUTION_HIGH"
    low = details.count("low")
    return "MEDIA_RESOLUTION_LOW" if low and low == len(media) else None


def to_gemini(talk, old):
    def media(b):
        if b[1] == "url":
            ending = re.sub(r"[?#].*", "", b[3]).rsplit(".", 1)[-1]
            return ("media", "url", b[2] or ENDINGS.get(ending.lower()), b[3])
        if b[1] == "text":
            return ("media", "data", "text/plain", b64(b[3]))
        return ("media", "data", b[2] or "application/pdf", b[3])

    def change(b, _):
        if b[0] in ("cache", "hidden"):
            return []
        if b[0] == "refusal":
            return [("text", b[1])]
        if b[0] in ("image", "document"):
            return [media(b)]
        if b[0] == "audio":
            return [("media", "data", b[1], b[2])]
        if b[0] == "thinking":
            seal = own(b[2], "gemini")
            return [("thinking", b[1], seal)] if seal or b[1] else []
        if b[0] == "call":
            key = talk.ids[b[1]].partition("__thought__")[2]
            key = key.replace("-", "+").replace("_", "/")
            return [(*b[:4], key + "=" * (-len(key) % 4) if key else None)]
        if b[0] == "result":
            texts = [c for c in b[4] if c[0] == "text"]
            others = [c for c in b[4] if c[0] != "text"]
            return [(*b[:3], None, tuple(texts + ([] if old else others)))] + [
                ("of a result", c) for c in others if old]
        return [b]
    detail = gemini_detail(talk)
    map_blocks(talk, change)
    blanks_out(talk, "Gemini", lambda text: text == "")
    results_first(talk)
    one_system(talk)
    strict = any(t[3] for t in talk.tools)
    talk.choice = talk.choice if talk.choice not in (None, "auto") else (
        "validated" if strict else talk.choice or "")
    talk.think = gemini_thinking(talk, old)
    keep_params(talk, "temperature", "top_p", "top_k", "seed", "frequency_penalty",
                "presence_penalty")
    if detail:
        talk.params["an image's detail"] = detail
    talk.tools = [(*t[:3], None, None) for t in talk.tools]
    is_json = talk.format[0] in ("json_object", "json_schema")
    talk.format = ("application/json" if is_json else None, talk.format[1])


FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp",
           "application/pdf": "pdf", "text/plain": "txt", "text/csv": "csv", "audio/wav": "wav",
           "audio/mp3": "mp3"}


def document_name(name, form, taken):
    name = name or ""
    if name.lower().endswith("." + form) and len(name) > len(form) + 1:
        name = name[:-len(form) - 1]
    name = re.sub(rb"[^A-Za-z0-9\-()\[\]]+", b" ", name.encode())[:180].decode()
    name = name.strip() or "document"
    taken.append(name if name.lower() not in (t.lower() for t in taken)
                 else f"{name} {len(taken) + 1}")
    return taken[-1]


def converse_media(b, taken):
    if b[1] == "id":
        raise Refused("converse has nothing for files of a provider by id")
    if b[1] == "text":
        b = (b[0], "data", "text/plain", b64(b[3]), b[4])
    form = FORMATS.get(b[2]) if b[2] else None
    if not b[2]:
        ends = [x for x in (b[4] if b[0] == "document" else None, b[3] if b[1] == "url" else None)
                if x and x.rsplit(".", 1)[-1] in ENDINGS]
        form = FORMATS[ENDINGS[ends[0].rsplit(".", 1)[-1]]] if ends else None
    if not form and not b[2]:
        raise Refused("does not say its media type")
    if not form:
        raise Refused("converse has nothing for")
    if b[1] == "url" and not b[3].startswith("s3://"):
        raise Refused("only from S3")
    name = document_name(b[4], form, taken) if b[0] == "document" else None
    return (b[0], b[1], form, b[3], name)


def converse_cache(b):
    ttl = re.search(r'"ttl": "(\w+)"', b[1])
    return ("cache", ttl and ttl.group(1))


def converse_blocks(talk):
    taken = []

    def change(b, in_result):
        if b[0] == "refusal":
            return [("text", b[1])]
        if b[0] in ("image", "document"):
            return [converse_media(b, taken)]
        if b[0] == "audio" and in_result:
            raise Refused("converse has nothing for content of this type in a tool's result")
        if b[0] == "audio":
            return [("audio", FORMATS[b[1]], b[2])]
        if b[0] == "cache":
            return [b if in_result else converse_cache(b)]
        if b[0] == "hidden":
            return [b] if seal_of(b[1])[0] in (None, "anthropic") else []
        if b[0] == "thinking":
            seal = own(b[2], "anthropic")
            return [("thinking", b[1], seal)] if seal or (b[1] and not b[2]) else []
        if b[0] == "result":
            marks = [converse_cache(c) for c in b[4] if c[0] == "cache"]
            return [(*b[:3], None, tuple(c for c in b[4] if c[0] != "cache"))] + marks[:1]
        return [b]
    map_blocks(talk, change)
    for m in talk.messages:  # a result's own mark goes before one within it
        m[1] = [b for i, b in enumerate(m[1])
                if not (b[0] == "cache" and i + 1 < len(m[1]) and m[1][i + 1][0] == "cache")]


def to_converse(talk, _):
    converse_blocks(talk)
    blanks_out(talk, "Converse", is_blank)
    one_system(talk)
    effort = talk.params.get("reasoning effort")
    if effort and effort not in ("low", "medium", "high", "xhigh", "max"):
        raise Refused("converse knows no reasoning effort")
    calls = bool(talk.ids)
    if talk.tools and talk.choice == "none" and calls:
        raise Refused("converse cannot forbid tools")
    talk.serial = talk.serial if talk.tools and talk.choice != "none" else None
    if talk.serial and (talk.choice == "any" or isinstance(talk.choice, tuple)):
        raise Refused("converse cannot both force a tool")
    if talk.choice == "none":
        talk.tools = []
    if not talk.tools or talk.choice == "none" or (talk.serial and talk.choice == "auto"):
        talk.choice = None
    talk.tools = [(t[0], t[1] or None, t[2] or {"type": "object", "properties": {}}, t[3],
                   t[4] and converse_cache(("cache", str(t[4]).replace("'", '"'))))
                  for t in talk.tools]
    keep_params(talk, "temperature", "top_p", "top_k", "reasoning effort")
    if talk.format[0] == "json_schema":
        talk.format = (*talk.format[:4], None)


CHANGES = {"openai.chat": to_chat, "anthropic": to_messages, "openai.responses": to_responses,
           "gemini": to_gemini, "converse": to_converse}


# ---- what is compared ----

def plain(talk, provider):
    """The same form for what means the same."""
    rows = []
    for role, blocks in talk.messages:
        said = [b for b in blocks if b[0] not in ("text", "refusal") or b[1] != ""]
        said = [(*b[:4], tuple(c for c in b[4] if c[0] != "text" or c[1] != ""))
                if b[0] == "result" else b for b in said]
        if rows and rows[-1][0] == role:
            rows[-1][1] += said
        elif said:
            rows.append([role, said])
    choice, serial = talk.choice or None, talk.serial
    if provider != "gemini":
        choice = None if choice == "auto" else choice
        serial = bool(serial and talk.tools and choice != "none")
        form = talk.format if talk.format[0] != "text" else None
    else:
        form, serial = talk.format, None
    params = {n: v for n, v in talk.params.items() if v is not None}
    return {"messages": rows, "tools": talk.tools, "choice": choice, "serial": serial,
            "max": talk.max, "stop": talk.stop, "format": form, "think": talk.think,
            "params": params, "stream": talk.stream, "model": talk.model}


def expected(talk, provider, model):
    """`model` is what the provider calls it; Gemini and Bedrock have it in the path."""
    talk, old = copy.copy(talk), "gemini-2" in model
    talk.model = model
    if provider in ("gemini", "converse"):
        talk.model = talk.stream = None
    talk.messages = [[role, list(blocks)] for role, blocks in talk.messages]
    talk.params, talk.tools = dict(talk.params), list(talk.tools)
    CHANGES[provider](talk, old)
    return plain(talk, provider)


ID_RULES = {"openai.chat": r"[^\\\"\x00-\x1f]{1,40}", "openai.responses": r"[^\\\"\x00-\x1f]{1,64}",
            "anthropic": r"[A-Za-z0-9_-]{1,64}", "converse": r"[A-Za-z0-9_-]{1,64}"}


def ids_wrong(asked, got, provider):
    """What a provider would refuse, or what changed without need."""
    seen, before = set(), set()
    for was, now in zip(asked, got):
        again = was in before
        before.add(was)
        if provider == "gemini":
            was, fits = was.partition("__thought__")[0], True
        else:
            fits = re.fullmatch(ID_RULES[provider], was) and was.isascii()
            if not re.fullmatch(ID_RULES[provider], now):
                return f"the id {now} is none that {provider} takes"
        if fits and was and not again and was != now:
            return f"the id {was} became {now}"
        if now in seen and provider != "gemini":
            return f"the id {now} stands twice"
        seen.add(now)
    return None
