"""Completion and man pages: made from the tables, and taken by those who read them."""
import os
import re
import shutil
import subprocess
import unittest

from program import ROOT, Folder, has


class Told(Folder):
    """What --help says."""

    def commands(self):
        text = self.sluice("--help").stdout
        found = re.findall(r"^  (\w+) +\S", text, re.M)
        self.assertGreater(len(found), 7)
        return found

    def subs(self, command):
        """Commands of its own behind its first word."""
        if f"sluice {command} COMMAND" not in self.sluice(command, "--help").stdout:
            return []
        text = self.sluice(command, "--help").stdout
        return re.findall(r"^  ([\w-]+) +\S", text.split("\n\n", 1)[1], re.M)

    def every(self):
        """All commands, the subs of one right behind it: "eval", "eval run"."""
        return [name for c in self.commands() for name in [c] + [f"{c} {sub}" for sub in self.subs(c)]]

    def flags(self, command):
        text = self.sluice(*command.split(), "--help").stdout
        return re.findall(r"^  (--[\w-]+)", text, re.M)


class Help(Told):
    def test_what_is_listed_is_known(self):
        """Each flag of --help is read; one letter more is not."""
        for command in self.every():
            for flag in self.flags(command):
                done = self.sluice(*command.split(), flag + "x", "--help")
                self.assertEqual(done.returncode, 2, (command, flag))
                self.assertIn(f"unknown option '{flag}x'; did you mean '{flag[:3]}", done.stderr)
                done = self.sluice(*command.split(), flag, "value", "--help")
                self.assertEqual(done.returncode, 0, (command, flag, done.stderr))

    def test_usage_names_every_flag_or_says_options(self):
        for command in self.every():
            text = self.sluice(*command.split(), "--help").stdout
            usage = text.split("\n\n")[0]
            self.assertTrue(usage.startswith("Usage: sluice " + command), usage)
            self.assertNotIn("\t", text)
            for flag in self.flags(command):
                self.assertTrue(flag in usage or "[OPTIONS]" in usage, (command, flag))
            self.assertLessEqual(max(map(len, text.splitlines())), 100, command)

    def test_help_names_a_command(self):
        self.assertEqual(self.sluice("help").stdout, self.sluice("--help").stdout)
        for command in self.commands():
            self.assertEqual(self.sluice("help", command).stdout, self.sluice(command, "--help").stdout)
        done = self.sluice("help", "srve")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("did you mean 'serve'?", done.stderr)
        self.assertEqual(self.sluice("version").stdout, self.sluice("--version").stdout)

    def test_what_the_exit_codes_mean_stands_there(self):
        for command in self.every():
            self.assertRegex(self.sluice(*command.split(), "--help").stdout, r"\n\nExit codes: 0 \w", command)


class Manual(Told):
    def test_its_table_has_every_command(self):
        manual = self.page("manual.md")
        rows = re.findall(r"^\| `sluice (\w+)` \| (.+) \| (.+) \|$", manual, re.M)
        told = re.findall(r"^  (\w+) +(\S.*)$", self.sluice("--help").stdout, re.M)
        self.assertEqual([row[:2] for row in rows], told)
        for _, _, more in rows:
            for link in re.findall(r"\]\(([^)]+)\)", more):
                name, _, anchor = link.partition("#")
                text = self.page(name or "manual.md")
                heads = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
                         for head in re.findall(r"^#+ (.+)$", text, re.M)}
                self.assertTrue(not anchor or anchor in heads, link)

    def page(self, name):
        with open(os.path.join(ROOT, "docs", name), encoding="utf-8") as file:
            return file.read()


class Bash(Told):
    def complete(self, *words):
        """What bash offers for the last word."""
        script = self.write("sluice.bash", self.sluice("completion", "bash").stdout)
        line = " ".join(words)
        listing = ('COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); . ' + script +
                   '; _sluice; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", listing, "sluice", *words], cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        return done.stdout.split()

    def test_commands(self):
        self.assertEqual(self.complete("sluice", ""), self.commands() + ["help", "--help", "--version"])
        self.assertEqual(self.complete("sluice", "ch"), ["check"])

    def test_flags(self):
        for command in self.every():
            got = self.complete("sluice", *command.split(), "--")
            self.assertEqual(got, ["--help"] + self.flags(command), command)
            for sub in self.subs(command) if " " not in command else []:
                self.assertIn(sub, self.complete("sluice", command, sub[:-1]))
        self.assertEqual(self.complete("sluice", "serve", "--li"), ["--listen"])

    def test_files_and_words(self):
        self.write("one.yaml", "")
        self.write("two.yaml", "")
        files = ["one.yaml", "sluice.bash", "two.yaml"]
        self.assertEqual(sorted(self.complete("sluice", "serve", "--config", "")), files)
        self.assertEqual(self.complete("sluice", "serve", "--config", "=", "tw"), ["two.yaml"])
        self.assertEqual(sorted(self.complete("sluice", "serve", "--config", "=")), files)
        self.assertEqual(self.complete("sluice", "check", "on"), ["one.yaml"])
        self.assertEqual(self.complete("sluice", "serve", "--io", "u"), ["uring"])
        self.assertEqual(self.complete("sluice", "serve", "--listen", ""), [])
        self.assertEqual(self.complete("sluice", "keys", ""), ["make", "list", "revoke"])
        self.assertEqual(self.complete("sluice", "completion", "f"), ["fish"])
        kinds = [line.split()[0] for line in self.sluice("eval", "graders").stdout.splitlines()
                 if line[:1].strip()]
        self.assertEqual(set(kinds) - set(self.complete("sluice", "lab", "grade", "--grader", "")),
                         {"rubric", "command"})
        self.assertEqual(self.complete("sluice", "lab", "grade", "--grader", "num"), ["number"])

    def test_verbs_have_options_of_their_own(self):
        self.assertEqual(self.complete("sluice", "keys", "revoke", ""), ["--help", "--config", "--json"])
        values = {"--older": "14d", "--last": "1", "--share": "5%", "--by": "day", "--api": "anthropic",
                  "--state": "done", "--since": "7d", "--until": "2026-11-01"}
        no = ("has no meaning for", "are for make", "goes by the turn's id alone")
        for command, words in (("keys", {"make": [], "list": [], "revoke": ["x"]}),
                               ("recordings", {"list": [], "show": ["x"], "sums": [], "export": [], "delete": []})):
            for verb, more in words.items():
                offered = self.complete("sluice", command, verb, *more, "--")
                for flag in self.flags(command):
                    value = [] if flag in ("--admin", "--json", "--csv", "--dry-run") else [values.get(flag, "x")]
                    said = self.sluice(command, verb, *more, flag, *value).stderr
                    self.assertEqual(flag in offered, not any(word in said for word in no), (verb, flag, said))

    def test_choices(self):
        self.assertEqual(self.complete("sluice", "report", "--by", "mo"), ["model"])
        self.assertEqual(self.complete("sluice", "report", "--by", "day,p"), ["day,provider"])
        self.assertEqual(self.complete("sluice", "recordings", "--by", "=", "day,t"), ["day,tenant", "day,task"])
        self.assertEqual(self.complete("sluice", "recordings", "--api", "openai.c"),
                         ["openai.chat", "openai.completion"])
        self.assertEqual(self.complete("sluice", "explain", "--protocol", "a"), ["anthropic"])
        self.assertEqual(self.complete("sluice", "man", ""), ["sluice", "sluice.yaml"] + [c.replace(" ", "-") for c in self.every()])
        self.assertEqual(self.complete("sluice", "help", ""), self.commands())


@unittest.skipUnless(has("fish"), "fish is not installed")
class Fish(Told):
    def complete(self, line):
        script = self.write("sluice.fish", self.sluice("completion", "fish").stdout)
        done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"],
                              cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8", check=False,
                              env=dict(os.environ, HOME=self.folder, TERM="dumb"))
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        return [row.split("\t")[0] for row in done.stdout.splitlines()]

    def test_all(self):
        self.write("one.yaml", "")
        self.assertEqual(sorted(self.complete("sluice ")), sorted(self.commands() + ["help"]))
        self.assertEqual(self.complete("sluice serve --li"), ["--listen"])
        self.assertEqual(self.complete("sluice serve --config on"), ["one.yaml"])
        self.assertEqual(self.complete("sluice serve on"), [])
        self.assertEqual(self.complete("sluice check on"), ["one.yaml"])
        self.assertEqual(sorted(self.complete("sluice serve --io ")), ["epoll", "uring"])
        self.assertEqual(sorted(self.complete("sluice keys ")), ["list", "make", "revoke"])
        self.assertEqual(sorted(self.complete("sluice report --")), sorted(self.flags("report")))
        self.assertEqual(self.complete("sluice report --by day,p"), ["day,provider"])
        self.assertEqual(sorted(self.complete("sluice man ")), sorted([c.replace(" ", "-") for c in self.every()] + ["sluice", "sluice.yaml"]))
        self.assertEqual(self.complete("sluice eval ru"), ["run"])
        self.assertEqual(sorted(self.complete("sluice eval run --")), sorted(self.flags("eval run")))
        self.assertEqual(self.complete("sluice eval run on"), ["one.yaml"])
        self.assertEqual(sorted(self.complete("sluice help ")), sorted(self.commands()))
        self.assertEqual(self.complete("sluice help serve --li"), [])


@unittest.skipUnless(has("zsh"), "zsh is not installed")
class Zsh(Told):
    def complete(self, line):
        """What a zsh on a pseudo terminal offers; zpty is zsh's own."""
        self.write("functions/_sluice", self.sluice("completion", "zsh").stdout)
        script = self.write("ask.zsh", """
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; fpath=(%s/functions $fpath); autoload -Uz compinit; compinit -u -D'
zpty -w z 'zstyle ":completion:*" list-packed no; zstyle ":completion:*:default" list-prompt ""'
zpty -w z 'LISTMAX=10000; compadd() { builtin compadd -A found "$@"; [[ -n $found ]] && print -l -- "OFFER "$^found; builtin compadd "$@"; }'
zpty -w z 'bindkey "^I" complete-word; print READY'
zpty -r -m z out '*READY*'
zpty -n -w z "$1"$'\\t'
for try in {1..100}; do
    sleep 0.1
    got=
    while zpty -r -t z line; do
        got=yes
        print -r -- "$line"
        [[ $line != *OFFER* ]] || seen=yes
    done
    [[ -z $seen || -n $got ]] || break
done
zpty -d z
""" % self.folder)
        done = subprocess.run(["zsh", "-f", script, line], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8", check=False, timeout=30,
                              env=dict(os.environ, HOME=self.folder, TERM="dumb", COLUMNS="200"))
        return sorted(set(re.findall(r"OFFER (\S+)", done.stdout)))

    def test_it_is_zsh(self):
        script = self.write("_sluice", self.sluice("completion", "zsh").stdout)
        subprocess.run(["zsh", "-n", script], check=True)

    def test_all(self):
        self.write("one.yaml", "")
        self.assertEqual(self.complete("sluice "), sorted(self.commands() + ["help"]))
        self.assertEqual(self.complete("sluice keys "), ["list", "make", "revoke"])
        self.assertEqual(self.complete("sluice serve --io "), ["epoll", "uring"])
        self.assertEqual(self.complete("sluice report --by day,pro"), ["provider"])
        self.assertEqual(self.complete("sluice man sluice."), ["sluice.yaml"])
        self.assertEqual(self.complete("sluice help ke"), ["keys"])
        self.assertEqual(self.complete("sluice eval ru"), ["run"])
        self.assertIn("--fresh", " ".join(self.complete("sluice eval run --f")))
        self.assertIn("--listen", " ".join(self.complete("sluice serve --l")))
        self.assertEqual(self.complete("sluice check on"), ["one.yaml"])


class Pages(Told):
    def pages(self):
        names = self.sluice("man", "--list").stdout.split()
        self.assertEqual(names, ["sluice.1"] + [f"sluice-{c.replace(' ', '-')}.1" for c in self.every()] +
                         ["sluice.yaml.5"])
        for name in names:
            self.write(name, self.sluice("man", name).stdout)
        return names

    def shown(self, name):
        done = subprocess.run(["man", "--warnings", "-l", self.path(name)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                              check=False, env=dict(os.environ, MANWIDTH="200", LC_ALL="C.UTF-8",
                                                    MAN_KEEP_FORMATTING="", MANPAGER="cat"))
        self.assertEqual((done.returncode, done.stderr), (0, ""), name)
        return " ".join(done.stdout.split())

    @unittest.skipUnless(has("man") and has("groff"), "man is not installed")
    def test_what_man_shows(self):
        for name in self.pages():
            text = self.shown(name)
            self.assertIn("SEE ALSO", text)
            if name in ("sluice.1", "sluice.yaml.5"):
                continue
            command = name[len("sluice-"):-len(".1")].replace("-", " ")
            for flag in self.flags(command):
                self.assertIn(flag, text)
        self.assertIn("0 fine, 1 mistakes", self.shown("sluice-check.1").split("EXIT STATUS")[1])
        self.assertIn("sluice report --by day,model --since 7d",
                      self.shown("sluice-report.1").split("EXAMPLES")[1])
        self.assertIn('"messages": [{"role": "user"', self.shown("sluice-serve.1"))

    @unittest.skipUnless(has("man") and has("groff"), "man is not installed")
    def test_every_setting_is_there(self):
        self.pages()
        text = self.shown("sluice.yaml.5")
        with open(os.path.join(ROOT, "docs", "configuration.md"), encoding="utf-8") as file:
            names = re.findall(r"^\| `(\w+)` \|", file.read(), re.M)
        self.assertGreater(len(names), 50)
        for name in names:
            self.assertRegex(text, rf"\b{name} \(")
        for left_over in ("`", "](#", "\\f"):
            self.assertNotIn(left_over, text)

    @unittest.skipUnless(has("mandoc"), "mandoc is not installed")
    def test_what_mandoc_says(self):
        names = self.pages()
        done = subprocess.run([shutil.which("mandoc"), "-Tlint", "-Wwarning",
                               *map(self.path, names)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8", check=False)
        # A date would be that of the build, and no two builds alike.
        said = [line for line in done.stdout.splitlines() if "missing date" not in line]
        self.assertEqual(said, [])

    def test_no_such_page(self):
        self.assertEqual(self.sluice("man", "sluice-nothing.1").returncode, 2)
        self.assertIn("did you mean 'serve'?", self.sluice("man", "srve").stderr)
        self.assertIn("sluice man --list", self.sluice("man", "nothing-like-it").stderr)
        self.assertEqual(self.sluice("man", "eval", "run").stdout, self.sluice("man", "eval-run").stdout)
        self.assertIn("there is no page 'eval rnu'", self.sluice("man", "eval", "rnu").stderr)
        self.assertIn("'more' is too much", self.sluice("man", "eval", "run", "more").stderr)

    def test_pages_have_short_names(self):
        for names in (("sluice.1", "sluice"), ("sluice-serve.1", "sluice-serve", "serve"),
                      ("sluice.yaml.5", "sluice.yaml")):
            pages = {self.sluice("man", name).stdout for name in names}
            self.assertEqual(len(pages), 1, names)
            self.assertGreater(len(pages.pop()), 500)
        self.assertEqual(self.sluice("man").stdout, self.sluice("man", "sluice.1").stdout)
