"""The page of a verdict, in a real browser."""
import json
import os
import re
import subprocess
import unittest

from place import Eval, RECORDED, SUITE
from program import has

# What the page cannot do itself, as it may run no script: opened wide, and measured.
PROBE = """
<script>
const wrong = [];
document.querySelectorAll("details").forEach(d => { d.open = true; });
for (const box of document.querySelectorAll("#scatter circle, #scatter text")) {
    const view = document.querySelector("#scatter").getBoundingClientRect();
    const at = box.getBoundingClientRect();
    if (at.left < view.left - 1 || at.right > view.right + 1 || at.top < view.top - 1 || at.bottom > view.bottom + 1)
        wrong.push("outside the drawing: " + box.outerHTML);
}
const texts = selector => [...document.querySelectorAll(selector)].map(e => e.innerText);
document.body.innerHTML = "<pre>PROBE" + JSON.stringify({
    wrong, wide: document.documentElement.scrollWidth - window.innerWidth,
    badge: texts(".badge"), heads: texts("details.case > summary"),
    tables: [...document.querySelectorAll(".wide")].map(e => e.scrollWidth - e.clientWidth),
    labels: [...document.querySelectorAll("#scatter circle + text")].map(e => e.textContent),
    spots: [...document.querySelectorAll("#scatter circle + text")].map(e => e.getBoundingClientRect().top),
    navigation: texts("nav li"),
     cases: texts("details.case").length, circles: texts("#scatter circle").length,
    columns: getComputedStyle(document.querySelector(".both") || document.body).gridTemplateColumns.split(" ").length,
    first: texts("details.case .both > div").slice(0, 2), resources: performance.getEntriesByType("resource").length,
}).replace(/</g, "\\\\u003c").replace(/&/g, "\\\\u0026") + "PROBE</pre>";
</script>
"""


@unittest.skipUnless(has("chromium"), "chromium is not installed")
class Page(Eval):
    def look(self, name, width):
        """What the browser makes of the page, at a width."""
        with open(self.path(name), encoding="utf-8") as file:
            page = file.read()
        bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        self.assertNotEqual(bare, page)
        probe = self.write("probe.html", bare.replace("</body>", PROBE + "</body>"))
        done = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             f"--user-data-dir={self.path('browser')}", f"--window-size={width},900", "--dump-dom", f"file://{probe}"],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", check=False,
            timeout=120, env=dict(os.environ, HOME=self.folder))
        found = re.search(r"PROBE(\{.*\})PROBE", done.stdout, re.S)
        self.assertTrue(found, done.stdout[-2000:] + done.stderr[-2000:])
        return json.loads(found.group(1))

    def test_verdict_drawing_and_both_answers(self):
        self.write("sluice.yaml", RECORDED)
        self.cases(60)
        self.suite("bar: {quality: 80%}\n")
        self.recorded(60, wrong=lambda i: i in (1, 2))
        self.eval("run", "suite.yaml")
        self.recorded(60, wrong=lambda i: i in (2, 3, 4), total_ms=0)
        with open(self.path("recorded.jsonl"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        lines[3]["answer"] = "<script>alert('no')</script> & so \"on\""
        self.write("recorded.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        self.eval("run", "--baseline", "last", "--html", "page.html", "suite.yaml")
        for width, columns in ((1200, 2), (600, 1)):
            seen = self.look("page.html", width)
            self.assertEqual(seen["wrong"], [])
            self.assertLessEqual(seen["wide"], 0, width)
            if width == 1200:
                tables = seen["tables"]
            self.assertEqual((seen["badge"], seen["circles"], seen["resources"]), (["pass"], 2, 0))
            self.assertEqual(seen["cases"], 3 + 3)  # changed, and failed
            self.assertEqual(seen["columns"], columns)
        self.assertEqual(tables, [0] * 2)  # nothing scrolls sideways
        self.assertIn("failed q2 even took no idea", seen["heads"][3])
        self.assertIn("lost q3 odd", seen["heads"][1])
        before, now = seen["first"]
        self.assertIn("What is 1 plus 1?", before)
        self.assertIn("no idea", before)
        self.assertIn("This run", now)
        with open(self.path("page.html"), encoding="utf-8") as file:
            page = file.read()
        self.assertNotIn("<script", page)
        self.assertIn("&lt;script&gt;alert('no')&lt;/script&gt; &amp; so", page)

    def test_several_suites_and_several_runs(self):
        self.write("sluice.yaml", RECORDED)
        self.cases(20)
        self.suite("bar: {quality: 80%}\n")
        self.write("other.yaml", SUITE + "bar: {quality: 100%}\n")
        self.recorded(20, wrong=lambda i: i == 3)
        for _ in range(2):
            self.eval("run", "suite.yaml")
        self.eval("run", "--baseline", "last", "--html", "page.html", "suite.yaml")
        seen = self.look("page.html", 1200)
        self.assertEqual((sorted(seen["labels"]), seen["navigation"]), (["1", "baseline", "this run"], []))
        at = dict(zip(seen["labels"], seen["spots"]))  # all on one spot, with nothing to choose between them
        self.assertGreater(abs(at["baseline"] - at["this run"]), 15)
        with open(self.path("page.html"), encoding="utf-8") as file:
            page = file.read()
        self.assertIn("Other runs: 1 ", page)
        self.assertIn('<b class="soft">not shown</b>', page)  # not red, where nothing changed
        self.assertIn("dollars for 1,000 successes", page)
        self.eval("run", "--html", "both.html", "suite.yaml", "other.yaml", code=1)
        seen = self.look("both.html", 1200)
        self.assertEqual((seen["navigation"], seen["badge"]),
                         (["suitepass", "otherfail"], ["pass", "fail"] * 2))

    def test_nothing_to_draw(self):
        """A run of errors alone has no cost and no success, and is a page all the same."""
        self.write("sluice.yaml", RECORDED)
        self.write("recorded.jsonl", "")
        self.cases(3)
        self.suite(text=SUITE + "tries: 1\n")
        self.eval("run", "--html", "page.html", "suite.yaml", code=1)
        seen = self.look("page.html", 1000)
        self.assertEqual((seen["badge"], seen["circles"], seen["cases"]), (["fail"], 0, 3))
