"""What a request says, read out of the JSON of each of the five protocols.

It shares nothing with the program: a request is told as

    messages  [[role, [block, ...]], ...]      system, developer, user, assistant
    tools     [(name, description, schema, strict, cache), ...]
    choice, serial, max, stop, format, think, stream, model
    params    {the feature's name in docs/providers.md: value}
    ids       the ids of the calls, in order

and a block as a tuple that begins with its kind:

    text TEXT | refusal TEXT | thinking TEXT SEAL | hidden DATA | cache CONTROL
    image FORM TYPE DATA DETAIL | document FORM TYPE DATA NAME | audio TYPE DATA
    call NUMBER NAME INPUT SEAL | result NUMBER IS_ERROR NAME BLOCKS

Calls are known by their number and results by that of their call, since ids may change on the way.
Numbers stay as they are written: 1.50 is not 1.5.
"""
import json


class Num(str):
    """A number's own digits."""


load = json.JSONDecoder(parse_float=Num, parse_int=Num).decode


class Talk:
    def __init__(self):
        self.messages, self.tools, self.stop, self.ids = [], [], [], []
        self.choice = self.serial = self.max = self.format = self.think = None
        self.params, self.stream, self.model = {}, None, None  # the two: where they are told
        self.numbers, self.names = {}, []  # of calls, by id and by number

    def say(self, role, blocks):
        self.messages.append([role, blocks])

    def call(self, key, name, value, seal=None):
        self.numbers[key] = len(self.ids)
        self.ids.append(key)
        self.names.append(name)
        return ("call", self.numbers[key], name, value, seal)

    def result(self, key, error, blocks, name=None):
        number = self.numbers.get(key, "unknown")
        if number != "unknown" and name == self.names[number]:
            name = None
        return ("result", number, bool(error), name, tuple(blocks))

    def param(self, name, value):
        if value is not None:
            self.params[name] = value


def data_url(url):
    """TYPE and digits, or None."""
    if not url.startswith("data:"):
        return None
    head, digits = url[5:].split(",", 1)
    return head.split(";")[0], digits


def cached(blocks, control):
    mark = ("cache", json.dumps(control, sort_keys=True))
    return blocks if control is None else blocks + [mark]


def image(url, detail):
    detail = None if detail == "auto" else detail
    data = data_url(url)
    return ("image", "data", *data, detail) if data else ("image", "url", None, url, detail)


def file_data(text, name):
    return ("document", "data", *(data_url(text) or (None, text)), name)


# ---- OpenAI's chat completions ----

def chat_part(part):
    kind = part["type"]
    if kind == "text":
        blocks = [("text", part["text"])]
    elif kind == "refusal":
        blocks = [("refusal", part["refusal"])]
    elif kind == "image_url":
        blocks = [image(part["image_url"]["url"], part["image_url"].get("detail"))]
    elif kind == "input_audio":
        blocks = [("audio", "audio/" + part["input_audio"]["format"], part["input_audio"]["data"])]
    elif "file_id" in part["file"]:
        blocks = [("document", "id", None, part["file"]["file_id"], part["file"].get("filename"))]
    else:
        blocks = [file_data(part["file"]["file_data"], part["file"].get("filename"))]
    return cached(blocks, part.get("cache_control"))


def chat_content(content):
    if isinstance(content, list):
        return [b for part in content for b in chat_part(part)]
    return [("text", content)] if content else []


def chat_message(talk, m):
    if m["role"] == "tool":
        content = chat_content(m["content"])
        return "user", [talk.result(m["tool_call_id"], False, content, m.get("name"))]
    blocks = []
    for t in m.get("thinking_blocks", []):
        blocks.append(("hidden", t["data"]) if t["type"] == "redacted_thinking" else
                      ("thinking", t["thinking"], t.get("signature") or None))
    if m.get("reasoning_content") and not blocks:
        blocks.append(("thinking", m["reasoning_content"], None))
    blocks += chat_content(m.get("content"))
    if m.get("refusal"):
        blocks.append(("refusal", m["refusal"]))
    for c in m.get("tool_calls", []):
        blocks.append(talk.call(c["id"], c["function"]["name"], load(c["function"]["arguments"])))
    if m.get("annotations"):
        talk.params["annotations of an earlier answer"] = True
    if m.get("name"):
        talk.params["a message's name"] = True
    return m["role"], blocks


CHAT_PARAMS = {
    "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p",
    "seed": "seed", "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty", "logit_bias": "logit_bias",
    "logprobs": "log-probabilities of the tokens",
    "top_logprobs": "log-probabilities of other tokens", "reasoning_effort": "reasoning effort",
    "verbosity": "verbosity", "metadata": "metadata", "user": "the end user's name",
    "store": "keeping the answer at the provider", "service_tier": "service tier",
    "prompt_cache_key": "prompt cache key", "prompt_cache_retention": "prompt cache retention",
}


def chat(body):
    talk = Talk()
    for m in body["messages"]:
        talk.say(*chat_message(talk, m))
    for t in body.get("tools", []):
        f = t["function"]
        talk.tools.append((f["name"], f.get("description"), f.get("parameters"), f.get("strict"),
                           t.get("cache_control")))
    choice = body.get("tool_choice")
    talk.choice = (("named", choice["function"]["name"]) if isinstance(choice, dict)
                   else {"required": "any"}.get(choice, choice))
    talk.serial = {True: False, False: True}.get(body.get("parallel_tool_calls"))
    talk.max = body.get("max_tokens") or body.get("max_completion_tokens")
    stop = body.get("stop") or []
    talk.stop = [stop] if isinstance(stop, str) else stop
    form = body.get("response_format", {"type": "text"})
    schema = form.get("json_schema", {})
    talk.format = (form["type"], schema.get("schema"), schema.get("name"),
                   schema.get("description"), schema.get("strict"))
    for name, feature in CHAT_PARAMS.items():
        talk.param(feature, body.get(name))
    if talk.params.get("reasoning effort") == "none":
        talk.think = "off"
    if body.get("n"):
        talk.params["more than one choice"] = body["n"]
    talk.stream, talk.model = body.get("stream", False), body["model"]
    return talk


# ---- Anthropic's messages ----

def messages_source(kind, b):
    s, name = b["source"], b.get("title")
    last = None if kind == "image" else name
    if s["type"] == "base64":
        return (kind, "data", s["media_type"], s["data"], last)
    if s["type"] == "url":
        return (kind, "url", None, s["url"], last)
    if s["type"] == "file":
        return (kind, "id", None, s["file_id"], last)
    return (kind, "text", None, s["data"], last)


def messages_block(talk, b):
    kind = b["type"]
    if kind == "text":
        block = ("text", b["text"])
    elif kind == "thinking":
        block = ("thinking", b["thinking"], b.get("signature") or None)
    elif kind == "redacted_thinking":
        block = ("hidden", b["data"])
    elif kind == "tool_use":
        block = talk.call(b["id"], b["name"], b["input"])
    elif kind == "tool_result":
        block = talk.result(b["tool_use_id"], b.get("is_error"),
                            messages_content(talk, b.get("content", [])))
    else:
        block = messages_source(kind, b)
    if "citations" in b:
        talk.params["citations"] = b["citations"]
    return cached([block], b.get("cache_control"))


def messages_content(talk, content):
    if isinstance(content, str):
        return [("text", content)]
    return [b for part in content for b in messages_block(talk, part)]


def messages(body):
    talk = Talk()
    if "system" in body:
        talk.say("system", messages_content(talk, body["system"]))
    for m in body["messages"]:
        talk.say(m["role"], messages_content(talk, m["content"]))
    for t in body.get("tools", []):
        talk.tools.append((t["name"], t.get("description"), t["input_schema"], t.get("strict"),
                           t.get("cache_control")))
    choice = body.get("tool_choice", {})
    talk.choice = ("named", choice["name"]) if "name" in choice else choice.get("type")
    talk.serial = choice.get("disable_parallel_tool_use")
    talk.max, talk.stop = body.get("max_tokens"), body.get("stop_sequences", [])
    think = body.get("thinking", {})
    talk.think = {"enabled": ("budget", think.get("budget_tokens")), "adaptive": "adaptive",
                  "disabled": "off"}.get(think.get("type"))
    talk.param("how thinking is shown", think.get("display"))
    out = body.get("output_config", {})
    talk.param("reasoning effort", out.get("effort"))
    talk.format = (("json_schema", out["format"]["schema"], None, None, None)
                   if "format" in out else ("text", None, None, None, None))
    for name in ("temperature", "top_p", "top_k"):
        talk.param(name, body.get(name))
    talk.param("the end user's name", body.get("metadata", {}).get("user_id"))
    talk.param("service tier", body.get("service_tier"))
    talk.stream, talk.model = body.get("stream", False), body["model"]
    return talk


# ---- OpenAI's Responses ----

def responses_part(talk, p):
    kind = p["type"]
    if kind in ("input_text", "output_text"):
        block = ("text", p["text"])
    elif kind == "refusal":
        block = ("refusal", p["refusal"])
    elif kind == "input_image":
        block = image(p["image_url"], p.get("detail"))
    elif "file_url" in p:
        block = ("document", "url", None, p["file_url"], p.get("filename"))
    else:
        block = file_data(p["file_data"], p.get("filename"))
    if p.get("annotations"):
        talk.params["annotations of an earlier answer"] = True
    return cached([block], p.get("cache_control"))


def responses_content(talk, content):
    if isinstance(content, str):
        return [("text", content)]
    return [b for p in content for b in responses_part(talk, p)]


def responses_item(talk, item):
    kind = item.get("type", "message")
    if kind == "function_call":
        return "assistant", [talk.call(item["call_id"], item["name"], load(item["arguments"]))]
    if kind == "function_call_output":
        return "user", [talk.result(item["call_id"], False,
                                    responses_content(talk, item["output"]))]
    if kind == "reasoning":
        texts = item.get("content") or item.get("summary") or []
        text, seal = "\n\n".join(t["text"] for t in texts), item.get("encrypted_content")
        if seal and seal.startswith("hidden:") and not text:
            return "assistant", [("hidden", seal[7:])]
        return "assistant", [("thinking", text, seal)] if text or seal else []
    if item.get("phase"):
        talk.params["what an assistant's message is for"] = item["phase"]
    return item["role"], responses_content(talk, item["content"])


def behind_calls(said):
    """Where the results of the newest calls are, whatever was said since."""
    kinds = [blocks[0][0] if blocks else None for _, blocks in said]
    at = max((i for i, kind in enumerate(kinds) if kind == "call"), default=len(said) - 1) + 1
    while at < len(said) and said[at][0] == "assistant":
        at += 1
    while at < len(said) and kinds[at] == "result":
        at += 1
    return at


def turns(said):
    """What the assistant does in a row is one message."""
    made = []
    for role, blocks in said:
        if made and role == made[-1][0] == "assistant":
            made[-1][1].extend(blocks)
        else:
            made.append([role, list(blocks)])
    return made


def responses(body):
    talk = Talk()
    if "instructions" in body:
        talk.say("system", [("text", body["instructions"])])
    said = body["input"]
    for item in [{"role": "user", "content": said}] if isinstance(said, str) else said:
        role, blocks = responses_item(talk, item)
        at = len(talk.messages)
        if blocks and blocks[0][0] == "result":
            at = behind_calls(talk.messages)
        talk.messages.insert(at, [role, blocks])
    talk.messages = turns(talk.messages)
    for t in body.get("tools", []):
        talk.tools.append((t["name"], t.get("description"), t.get("parameters"),
                           t.get("strict"), t.get("cache_control")))
    choice = body.get("tool_choice")
    talk.choice = (("named", choice["name"]) if isinstance(choice, dict)
                   else {"required": "any"}.get(choice, choice))
    talk.serial = {True: False, False: True}.get(body.get("parallel_tool_calls"))
    talk.max = body.get("max_output_tokens")
    text, reasoning = body.get("text", {}), body.get("reasoning", {})
    form = text.get("format", {"type": "text"})
    talk.format = (form["type"], form.get("schema"), form.get("name"), form.get("description"),
                   form.get("strict"))
    talk.param("verbosity", text.get("verbosity"))
    talk.param("reasoning effort", reasoning.get("effort"))
    talk.param("a summary of the reasoning", reasoning.get("summary"))
    for name, feature in {"temperature": "temperature", "top_p": "top_p", "metadata": "metadata",
                          "user": "the end user's name", "service_tier": "service tier",
                          "store": "keeping the answer at the provider",
                          "include": "more about the parts of an answer",
                          "prompt_cache_key": "prompt cache key",
                          "previous_response_id": "an earlier answer that the provider keeps",
                          }.items():
        talk.param(feature, body.get(name))
    talk.stream, talk.model = body.get("stream", False), body["model"]
    return talk


# ---- Gemini ----

NO_SIGNATURE = "skip_thought_signature_validator"


def gemini_media(p):
    if "fileData" in p:
        return ("media", "url", p["fileData"].get("mimeType"), p["fileData"]["fileUri"])
    return ("media", "data", p["inlineData"]["mimeType"], p["inlineData"]["data"])


def gemini_part(talk, p):
    seal = p.get("thoughtSignature")
    if "functionCall" in p:
        c = p["functionCall"]
        return talk.call(c.get("id"), c["name"], c["args"], None if seal == NO_SIGNATURE else seal)
    if "functionResponse" in p:
        r = p["functionResponse"]
        error = "error" in r["response"]
        said = r["response"]["error" if error else "output"]
        blocks = [("text", t) for t in ([said] if isinstance(said, str) else said)]
        blocks += [gemini_media(m) for m in r.get("parts", [])]
        number = talk.numbers.get(r.get("id"), "unknown")
        if number != "unknown" and talk.names[number] != r["name"]:
            number = "of another name"
        return ("result", number, error, None, tuple(blocks))
    if p.get("thought") or seal:
        return ("thinking", p["text"], seal)
    return ("text", p["text"]) if "text" in p else gemini_media(p)


def gemini(body):
    talk = Talk()
    if "systemInstruction" in body:
        talk.say("system", [("text", p["text"]) for p in body["systemInstruction"]["parts"]])
    for c in body["contents"]:
        role = {"model": "assistant", "user": "user"}[c["role"]]
        talk.say(role, [gemini_part(talk, p) for p in c["parts"]])
    for t in body.get("tools", [{"functionDeclarations": []}])[0]["functionDeclarations"]:
        talk.tools.append((t["name"], t.get("description"), t.get("parametersJsonSchema"), None,
                           None))
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    talk.choice = (("named", calling["allowedFunctionNames"][0])
                   if "allowedFunctionNames" in calling else (calling.get("mode") or "").lower())
    config = body.get("generationConfig", {})
    talk.max, talk.stop = config.get("maxOutputTokens"), config.get("stopSequences", [])
    talk.format = (config.get("responseMimeType"), config.get("responseJsonSchema"))
    think = config.get("thinkingConfig", {})
    talk.think = (think.get("thinkingBudget"), think.get("thinkingLevel"))
    for name, feature in {"temperature": "temperature", "topP": "top_p", "topK": "top_k",
                          "seed": "seed", "frequencyPenalty": "frequency_penalty",
                          "presencePenalty": "presence_penalty",
                          "mediaResolution": "an image's detail"}.items():
        talk.param(feature, config.get(name))
    return talk


# ---- Converse ----

def converse_media(kind, m):
    source = m["source"]
    form = "data" if "bytes" in source else "url"
    data = source["bytes"] if form == "data" else source["s3Location"]["uri"]
    if kind == "audio":
        return ("audio", m["format"], data)
    return (kind, form, m["format"], data, m.get("name"))


def converse_block(talk, b):
    (kind, v), = b.items()
    if kind == "text":
        return ("text", v)
    if kind == "toolUse":
        return talk.call(v["toolUseId"], v["name"], v["input"])
    if kind == "toolResult":
        return talk.result(v["toolUseId"], v.get("status") == "error",
                           [converse_block(talk, c) for c in v["content"]])
    if kind == "cachePoint":
        return ("cache", v.get("ttl"))
    if kind == "reasoningContent":
        if "redactedContent" in v:
            return ("hidden", v["redactedContent"])
        return ("thinking", v["reasoningText"]["text"], v["reasoningText"].get("signature"))
    return converse_media(kind, v)


def converse_tools(talk, tools):
    for t in tools:
        if "cachePoint" in t:
            talk.tools[-1] = (*talk.tools[-1][:4], ("cache", t["cachePoint"].get("ttl")))
            continue
        t = t["toolSpec"]
        talk.tools.append((t["name"], t.get("description"), t["inputSchema"]["json"],
                           t.get("strict"), None))


def converse(body):
    talk = Talk()
    if "system" in body:
        talk.say("system", [converse_block(talk, b) for b in body["system"]])
    for m in body["messages"]:
        talk.say(m["role"], [converse_block(talk, b) for b in m["content"]])
    tools = body.get("toolConfig", {})
    converse_tools(talk, tools.get("tools", []))
    for kind, v in tools.get("toolChoice", {}).items():
        talk.choice = ("named", v["name"]) if kind == "tool" else kind
    config, own = body.get("inferenceConfig", {}), body.get("additionalModelRequestFields", {})
    talk.max, talk.stop = config.get("maxTokens"), config.get("stopSequences", [])
    talk.param("temperature", config.get("temperature"))
    talk.param("top_p", config.get("topP"))
    talk.param("top_k", own.get("top_k"))
    talk.serial = own.get("tool_choice", {}).get("disable_parallel_tool_use")
    think = own.get("thinking", {})
    talk.think = {"enabled": ("budget", think.get("budget_tokens")), "adaptive": "adaptive",
                  "disabled": "off"}.get(think.get("type"))
    out = body.get("outputConfig", {})
    talk.param("reasoning effort", out.get("effort"))
    if "textFormat" in out:
        schema = out["textFormat"]["structure"]["jsonSchema"]
        talk.format = ("json_schema", load(schema["schema"]), schema.get("name"),
                       schema.get("description"), None)
    else:
        talk.format = ("text", None, None, None, None)
    return talk


READERS = {"openai.chat": chat, "anthropic": messages, "openai.responses": responses,
           "gemini": gemini, "converse": converse}
