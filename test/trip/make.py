"""Requests made by chance, as clients of the three protocols send them."""
import json

MAKERS = ["call_%d", "toolu_01%08dAbCd", "chatcmpl-tool-0123456789abcdef%08d", "functions.f0:%d",
          "call_%d|fc_0feebbbc39e113d4016969ff3539208191914ede46e71d5d06", "fc_%d.a", "é%d", "%d",
          "g%d__thought__CrcDAb-_xyz" + "Ab12-_" * 20, "tooluse_%dQ2Q-mQxGBOlx0zFg"]
WORDS = ["a", "word ", "\n", '"q"', "é", "ü", "日本語", "\\", "\t", "1.5e3", '{"x":1}', "/",
         "<tag>", "😀", "\u2028", "\u0001"]
BLANKS = ["", " ", "\n\n", " \t\r\n"]
SEALS = ["c2lnbmVk", "gemini:AbC+/w==", "openai:gAAAAABoxyz", "gAAAAABobare", ""]
PDF, PNG, TXT = "JVBERi0=", "iVBORw0KGgo=", "aGk="


class Maker:
    """One request; the same numbers make the same."""

    def __init__(self, dice):
        self.d, self.raws, self.calls = dice, [], 0
        self.maker = dice.choice(MAKERS) if dice.random() < 0.5 else MAKERS[0]
        self.again = dice.random() < 0.1  # ids begin anew with every message
        self.blanks = 0.02 if dice.random() < 0.3 else 0

    def one_in(self, n):
        return self.d.random() * n < 1

    def text(self):
        if self.d.random() < self.blanks * 5:
            return self.d.choice(BLANKS)
        return "x" + "".join(self.d.choice(WORDS) for _ in range(self.d.randrange(6)))

    def raw(self, text):
        """JSON that stands in the body as it is written here."""
        self.raws.append(text)
        return f"@@RAW{len(self.raws) - 1}@@"

    def value(self, depth=0):
        kind = self.d.randrange(2 if depth > 3 else 4)
        if kind == 0:
            return json.dumps(self.text(), ensure_ascii=self.one_in(2))
        if kind == 1:
            return self.d.choice(["true", "false", "0", "-1.50", "1e6", "12345678901234567890"])
        if kind == 2:
            return "[" + ", ".join(self.value(depth + 1) for _ in range(self.d.randrange(3))) + "]"
        return "{" + ",".join(f'"k{i}": {self.value(depth + 1)}'
                              for i in range(self.d.randrange(3))) + "}"

    def input(self):
        return f'{{"city": {self.value()}}}' if self.d.randrange(3) else "{}"

    def schema(self):
        return self.raw(f'{{"type":"object","properties":{{"city":{self.value(2)}}}}}')

    def ids(self, n):
        """Of a message's calls."""
        first = 0 if self.again else self.calls
        self.calls += n
        return [self.maker % (first + i) for i in range(n)]

    def shuffled(self, items):
        if self.one_in(3):
            self.d.shuffle(items)
        return items

    def maybe(self, body, name, value, n=2):
        if self.one_in(n):
            body[name] = value() if callable(value) else value

    def some(self, body, choices, most=5):
        for name, value in self.d.sample(choices, self.d.randrange(most)):
            body.setdefault(name, value)

    def done(self, body):
        text = json.dumps(body, ensure_ascii=self.one_in(2))
        for i, raw in enumerate(self.raws):
            text = text.replace(f'"@@RAW{i}@@"', raw, 1)
        return text


# ---- chat completions ----

class Chat(Maker):
    def part(self, media=True):
        kind = self.d.randrange(8) if media else 7
        if kind == 0:
            part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
            if self.one_in(6):
                part["image_url"]["detail"] = self.d.choice(["low", "high", "auto"])
        elif kind == 1:
            part = {"type": "image_url", "image_url": {
                "url": self.d.choice(["https://h/p.png?a=1&b", "s3://bucket/p.png"])}}
        elif kind == 2:
            form, data = self.d.choice([("application/pdf", PDF), ("application/pdf", PDF),
                                        ("text/plain", TXT), ("text/csv", TXT)])
            part = {"type": "file", "file": {"file_data": f"data:{form};base64,{data}"}}
            self.maybe(part["file"], "filename", lambda: self.d.choice(["a.pdf", "Ä b", "n"]))
            if self.one_in(12):
                part["file"]["file_data"] = PDF
        elif kind == 3 and self.one_in(6):
            part = {"type": "input_audio", "input_audio": {
                "data": "AAAA", "format": self.d.choice(["wav", "mp3"])}}
        else:
            part = {"type": "text", "text": self.text()}
        self.maybe(part, "cache_control", lambda: self.control(), 8)
        return part

    def control(self):
        return {"type": "ephemeral", **({"ttl": "1h"} if self.one_in(3) else {})}

    def content(self, media):
        if self.d.randrange(2):
            return self.text()
        return [self.part(media) for _ in range(1 + self.d.randrange(3))]

    def user(self):
        m = {"role": "user", "content": self.content(True)}
        self.maybe(m, "name", "ann", 80)
        return m

    def assistant(self):
        n = self.d.randrange(4)
        m = {"role": "assistant", "content": self.text()}
        if self.one_in(4):
            m["content"] = [{"type": "text", "text": self.text()}]
            if self.one_in(3):
                m["content"].append({"type": "refusal", "refusal": "no"})
        if n and self.one_in(2):
            m["content"] = None
        self.maybe(m, "refusal", "no", 12)
        if self.one_in(6):
            m["thinking_blocks"] = [
                {"type": "thinking", "thinking": self.d.choice(["hm", "so\n", ""]),
                 "signature": self.d.choice(SEALS)} for _ in range(1 + self.d.randrange(2))]
            if self.one_in(4):
                m["thinking_blocks"].append({"type": "redacted_thinking", "data": "c2VjcmV0"})
        elif self.one_in(6):
            m["reasoning_content"] = "I think"
        self.maybe(m, "annotations", [{"type": "url_citation"}], 40)
        self.maybe(m, "annotations", [], 20)
        names = [f"f{self.d.randrange(3)}" for _ in range(n)]
        ids = self.ids(n)
        if n:
            m["tool_calls"] = [{"id": i, "type": "function", "function": {
                "name": name, "arguments": self.input()}} for i, name in zip(ids, names)]
        return m, list(zip(ids, names))

    def results(self, calls):
        made = []
        for i, name in self.shuffled(calls):
            m = {"role": "tool", "tool_call_id": i,
                 "content": self.content(self.one_in(3))}
            if self.one_in(3):
                m["name"] = name if self.one_in(2) else "other"
            made.append(m)
        return made

    def tools(self):
        tools = []
        for i in range(1 + self.d.randrange(3)):
            f = {"name": f"f{i}", "parameters": self.schema()}
            self.maybe(f, "description", self.text)
            self.maybe(f, "strict", True, 8)
            tools.append({"type": "function", "function": f})
            self.maybe(tools[-1], "cache_control", self.control, 16)
        return tools

    def body(self):
        said = [{"role": self.d.choice(["system", "developer"]), "content": self.content(False)}
                for _ in range(self.d.randrange(3))]
        for _ in range(self.d.randrange(4)):
            said += [self.user() for _ in range(1 + self.one_in(8))]
            m, calls = self.assistant()
            said += [m, *self.results(calls)]
            if self.one_in(40):
                said.append({"role": "system", "content": self.text()})
        if said and said[-1]["role"] == "tool" and self.one_in(2):
            pass
        elif said and said[-1]["role"] == "assistant" and self.one_in(30):
            pass
        else:
            said.append(self.user())
        body = {"model": "m", "messages": said}
        if self.calls or self.one_in(2):
            body["tools"] = self.tools()
            self.maybe(body, "tool_choice", lambda: self.d.choice([
                "auto", "none", "required", {"type": "function", "function": {"name": "f0"}}]))
            self.maybe(body, "parallel_tool_calls", lambda: self.one_in(2), 5)
        schema = {"name": "n", "schema": {"type": "object"}, "strict": True}
        self.some(body, [
            ("temperature", 0.5), ("top_p", 0.25), ("top_k", 40), ("max_tokens", 77), ("stop", "E"),
            ("stop", ["a", "\n\nb"]), ("user", "someone"), ("reasoning_effort", "high"),
            ("reasoning_effort", "minimal"), ("response_format", {"type": "text"}),
            ("response_format", {"type": "json_schema", "json_schema": schema}),
            ("metadata", {"a": "b"}), ("store", True), ("service_tier", "auto"),
            ("prompt_cache_key", "k"), ("verbosity", "low")])
        if self.one_in(12):
            self.some(body, [("seed", 5), ("n", 2), ("logprobs", True), ("temperature", 2),
                             ("logit_bias", {"5": 1}), ("reasoning_effort", "none"),
                             ("response_format", {"type": "json_object"})], 3)
        self.maybe(body, "stream", True, 3)
        return self.done(body)


# ---- messages ----

class Messages(Maker):
    def control(self, block, n=10):
        if self.one_in(n):
            block["cache_control"] = {"type": "ephemeral"}
            self.maybe(block["cache_control"], "ttl", "1h", 3)
        return block

    def texts(self):
        return [self.control({"type": "text", "text": self.text()})
                for _ in range(1 + self.d.randrange(2))]

    def media(self):
        kind = self.d.randrange(6)
        if kind < 2:
            source = ({"type": "base64", "media_type": "image/png", "data": PNG} if kind else
                      {"type": "url", "url": self.d.choice(["https://h/p.png", "s3://b/p.png"])})
            return self.control({"type": "image", "source": source})
        source = ({"type": "text", "media_type": "text/plain", "data": self.text()} if kind == 2
                  else {"type": "url", "url": "s3://b/a.pdf"} if kind == 3 and self.one_in(8)
                  else {"type": "base64", "media_type": "application/pdf", "data": PDF})
        block = {"type": "document", "source": source}
        self.maybe(block, "title", lambda: self.d.choice(["a.pdf", "Ä b", "n"]))
        return self.control(block)

    def content(self):
        if self.one_in(2):
            return self.text()
        return self.shuffled(self.texts() + [self.media() for _ in range(self.d.randrange(2))])

    def result(self, key):
        block = {"type": "tool_result", "tool_use_id": key}
        if not self.one_in(6):
            block["content"] = self.content()
        self.maybe(block, "is_error", lambda: self.one_in(2), 4)
        return self.control(block)

    def assistant(self):
        if self.one_in(4):
            return {"role": "assistant", "content": self.text()}, []
        blocks = []
        if self.one_in(3):
            blocks.append({"type": "thinking", "thinking": self.d.choice(["hm", ""]),
                           "signature": self.d.choice(SEALS)})
        if self.one_in(10):
            blocks.append({"type": "redacted_thinking",
                           "data": self.d.choice(["c2VjcmV0", "openai:gAAAAx"])})
        if not self.one_in(4):
            blocks += self.texts()
        ids = self.ids(self.d.randrange(4))
        for key in ids:
            blocks.append(self.control({"type": "tool_use", "id": key,
                                        "name": f"f{self.d.randrange(3)}",
                                        "input": self.raw(self.input())}))
        if self.one_in(10):
            blocks += self.texts()
        return {"role": "assistant", "content": blocks}, ids

    def results(self, ids):
        """In one message, or in several; with what the user says, or without."""
        results = [self.result(key) for key in self.shuffled(ids)]
        if len(results) > 1 and self.one_in(6):
            return [{"role": "user", "content": results[:1]},
                    {"role": "user", "content": results[1:]}]
        more = self.texts() if self.one_in(3) else []
        if self.one_in(6):
            more.append(self.media())
        return [{"role": "user", "content": more + results if self.one_in(5) else results + more}]

    def body(self):
        said = []
        for _ in range(self.d.randrange(4)):
            said += [{"role": "user", "content": self.content()} for _ in range(1 + self.one_in(9))]
            m, ids = self.assistant()
            said.append(m)
            if ids:
                said += self.results(ids)
            elif self.one_in(40):
                said.append({"role": "system", "content": self.text()})
        if not said or said[-1]["role"] != "user" or self.one_in(2):
            if not (said and said[-1]["role"] == "assistant" and self.one_in(30)):
                said.append({"role": "user", "content": self.content()})
        body = {"model": "m", "messages": said, "max_tokens": 50}
        self.maybe(body, "system", lambda: self.text() if self.one_in(2) else self.texts())
        if self.calls or self.one_in(2):
            body["tools"] = []
            for i in range(1 + self.d.randrange(3)):
                tool = self.control({"name": f"f{i}", "input_schema": self.schema()})
                self.maybe(tool, "description", self.text)
                self.maybe(tool, "strict", True, 8)
                body["tools"].append(tool)
            if self.one_in(2):
                choice = self.d.choice([{"type": "auto"}, {"type": "none"}, {"type": "any"},
                                        {"type": "tool", "name": "f0"}])
                if choice["type"] != "none" and self.one_in(4):
                    choice["disable_parallel_tool_use"] = self.one_in(2)
                body["tool_choice"] = choice
        self.some(body, [
            ("temperature", 0.5), ("top_p", 0.25), ("top_k", 40), ("stop_sequences", ["a", "\n"]),
            ("metadata", {"user_id": "u"}), ("service_tier", "auto"),
            ("service_tier", "standard_only"),
            ("thinking", {"type": "enabled", "budget_tokens": self.d.choice([1024, 5000, 20000])}),
            ("thinking", {"type": "adaptive"}), ("thinking", {"type": "disabled"}),
            ("output_config", {"effort": self.d.choice(["low", "high", "max"])}),
            ("output_config", {"format": {"type": "json_schema", "schema": {"type": "object"}}})])
        self.maybe(body, "stream", True, 3)
        return self.done(body)


# ---- Responses ----

class Responses(Maker):
    def part(self, media):
        kind = self.d.randrange(7) if media else 6
        if kind == 0:
            part = {"type": "input_image", "detail": "auto", "image_url": self.d.choice([
                f"data:image/png;base64,{PNG}", "https://h/p.png", "s3://b/p.png"])}
            if self.one_in(6):
                part["detail"] = self.d.choice(["low", "high"])
        elif kind == 1:
            part = {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}
            self.maybe(part, "filename", lambda: self.d.choice(["a.pdf", "Ä b", "n"]))
            if self.one_in(8):
                part = {"type": "input_file", "file_url": "s3://b/a.pdf"}
        else:
            part = {"type": "input_text", "text": self.text()}
        self.maybe(part, "cache_control", {"type": "ephemeral"}, 20)
        return part

    def content(self, media=True):
        if self.one_in(2):
            return self.text()
        return [self.part(media) for _ in range(1 + self.d.randrange(3))]

    def message(self, role, content):
        item = {"role": role, "content": content}
        self.maybe(item, "type", "message")
        return item

    def reasoning(self):
        seal = self.d.choice(SEALS + ["hidden:c2VjcmV0"])
        item = {"type": "reasoning", "id": "rs_1", "summary": []}
        if not seal.startswith("hidden:"):
            item["summary"] = [{"type": "summary_text", "text": "hm"}
                               for _ in range(self.d.randrange(3))]
        if seal:
            item["encrypted_content"] = seal
        return item

    def said(self):
        if self.one_in(3):
            return self.message("assistant", self.text())
        parts = [{"type": "output_text", "text": self.text(), "annotations": []}
                 for _ in range(1 + self.one_in(4))]
        if self.one_in(20):
            parts[0]["annotations"] = [{"type": "url_citation", "url": "https://h"}]
        if self.one_in(10):
            parts = [{"type": "refusal", "refusal": "no"}]
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": parts}
        self.maybe(item, "phase", "final_answer", 30)
        return item

    def turn(self):
        """What the assistant does, and the results of what it calls."""
        items, ids = [], self.ids(self.d.randrange(4))
        if self.one_in(3):
            items.append(self.reasoning())
        if not ids or self.one_in(2):
            items.append(self.said())
        items += [{"type": "function_call", "id": "fc_1", "call_id": key,
                   "name": f"f{self.d.randrange(3)}", "arguments": self.input()} for key in ids]
        if self.one_in(12):
            items.append(self.said())
        if ids and self.one_in(20):
            items.append(self.message(self.d.choice(["user", "developer"]), self.content()
                                      if self.one_in(2) else self.text()))
            if items[-1]["role"] == "developer":
                items[-1]["content"] = self.text()
        items += [{"type": "function_call_output", "call_id": key,
                   "output": self.content(self.one_in(3))} for key in self.shuffled(ids)]
        return items

    def body(self):
        said = [self.message(self.d.choice(["system", "developer"]), self.content(False))
                for _ in range(self.d.randrange(2))]
        for _ in range(self.d.randrange(4)):
            said += [self.message("user", self.content()) for _ in range(1 + self.one_in(8))]
            said += self.turn()
            if self.one_in(40):
                said.append(self.message("developer", self.text()))
        if not said or "output" not in said[-1] or self.one_in(2):
            if not (said and said[-1].get("role") == "assistant" and self.one_in(30)):
                said.append(self.message("user", self.content()))
        if len(said) == 1 and isinstance(said[0]["content"], str) and said[0]["role"] == "user":
            said = said[0]["content"]
        body = {"model": "m", "input": said}
        self.maybe(body, "instructions", self.text)
        if self.calls or self.one_in(2):
            body["tools"] = []
            for i in range(1 + self.d.randrange(3)):
                tool = {"type": "function", "name": f"f{i}", "parameters": self.schema()}
                self.maybe(tool, "description", self.text)
                self.maybe(tool, "strict", lambda: self.one_in(2), 8)
                body["tools"].append(tool)
            self.maybe(body, "tool_choice", lambda: self.d.choice([
                "auto", "none", "required", {"type": "function", "name": "f0"}]))
            self.maybe(body, "parallel_tool_calls", lambda: self.one_in(2), 5)
        schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
        self.some(body, [
            ("temperature", 0.5), ("top_p", 0.25), ("max_output_tokens", 77), ("user", "someone"),
            ("reasoning", {"effort": "high"}), ("reasoning", {"effort": "low", "summary": "auto"}),
            ("text", {"format": {"type": "text"}}), ("text", {"format": schema}),
            ("metadata", {"a": "b"}), ("store", False), ("service_tier", "auto"),
            ("prompt_cache_key", "k"), ("include", ["reasoning.encrypted_content"])])
        if self.one_in(15):
            self.some(body, [("text", {"verbosity": "low"}), ("previous_response_id", "resp_1"),
                             ("text", {"format": {"type": "json_object"}}), ("temperature", 2),
                             ("reasoning", {"effort": "minimal"})], 3)
        self.maybe(body, "stream", True, 3)
        return self.done(body)


CLIENTS = {"openai.chat": Chat, "anthropic": Messages, "openai.responses": Responses}
