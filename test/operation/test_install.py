"""packaging/install: everything is where it is looked for, and goes away again."""
import os
import subprocess

from program import ROOT, SLUICE, Folder


class Install(Folder):
    def install(self, *words, prefix="/opt/x"):
        subprocess.run([os.path.join(ROOT, "packaging", "install"), *words], check=True,
                       env=dict(os.environ, SLUICE=SLUICE, DESTDIR=self.folder, PREFIX=prefix))

    def files(self):
        return {os.path.relpath(os.path.join(where, name), self.folder)
                for where, _, names in os.walk(self.folder) for name in names}

    def test_there_and_gone(self):
        self.write("opt/x/bin/other", "")
        before = os.umask(0o077)  # what is installed is for all
        try:
            self.install()
        finally:
            os.umask(before)
        files = self.files()
        for name in ("bin/sluice", "share/man/man1/sluice.1", "share/man/man1/sluice-serve.1",
                     "share/man/man5/sluice.yaml.5", "share/bash-completion/completions/sluice",
                     "share/zsh/site-functions/_sluice",
                     "share/fish/vendor_completions.d/sluice.fish",
                     "lib/systemd/system/sluice.service", "lib/systemd/system/sluice.socket",
                     "lib/sysusers.d/sluice.conf", "share/doc/sluice/examples/sluice.yaml",
                     "share/doc/sluice/manual.md"):
            self.assertIn("opt/x/" + name, files)
            mode = os.stat(self.path("opt/x/" + name)).st_mode & 0o777
            self.assertEqual(mode, 0o755 if name.startswith("bin/") else 0o644, name)
        with open(self.path("opt/x/lib/systemd/system/sluice.service"), encoding="utf-8") as file:
            self.assertIn("ExecStart=/opt/x/bin/sluice serve", file.read())
        self.install("--uninstall")
        self.assertEqual(self.files(), {"opt/x/bin/other"})

    def test_the_example_is_right(self):
        done = self.sluice("check", os.path.join(ROOT, "packaging", "sluice.yaml"),
                           env={"OPENAI_API_KEY": "x"})
        # Where nothing is installed its folder is not there yet; all else is right.
        said = [line for line in done.stderr.splitlines() if ": error: " in line]
        self.assertLessEqual(len(said), 1, done.stderr)
        self.assertTrue(all("/var/lib/sluice" in line for line in said), done.stderr)
