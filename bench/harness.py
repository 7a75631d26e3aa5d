"""Starting, pinning, asking and ending what the benchmarks and fault runs need."""
import copy
import ctypes
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KEY = "sk-bench-0123456789abcdef"
UPSTREAM_KEY = "sk-upstream-secret"
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """The run cannot go on; the text says why."""


def find_tool(name, folder=None):
    """mock or load, as the build leaves them."""
    places = [pathlib.Path(folder)] if folder else [ROOT / "build/release/bench", ROOT / "build/bench"]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise Failed(f"{name} is not built; run: make build && scripts/build release all")


def free_port(base, count=200):
    for port in range(base, base + count):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in _given:
                _given.add(port)
                return port
    raise Failed(f"no free port from {base} on")


_given = set()


class Workshop:
    """A temporary folder and the processes started in it; all of it is gone at the end."""

    def __init__(self, port_base=22000, nice=0, keep=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
        self.port_base = port_base
        self.nice = nice
        self.keep = keep
        self.processes = []

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through __exit__
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            end(process)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def address(self):
        return f"127.0.0.1:{free_port(self.port_base)}"

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def start(self, command, cores=None, env=None, log="log", limit_files=65536):
        """Starts a program on the given cores; its output goes to a file of the folder."""
        before = prepared(cores, self.nice, limit_files)
        with open(self.folder / log, "ab") as out:
            process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **(env or {})}, preexec_fn=before, cwd=self.folder)
        process.log_path = self.folder / log
        self.processes.append(process)
        return process

    def stop(self, process):
        end(process)
        if process in self.processes:
            self.processes.remove(process)


def prepared(cores, nice, limit_files):
    """What a child does before it becomes another program."""
    import resource
    libc = ctypes.CDLL(None)

    def before():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # nothing outlives the script
        if cores is not None:
            os.sched_setaffinity(0, cores)
        if nice:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
            os.setsid()  # the kernel weighs sessions against each other, then what is in them
            try:
                pathlib.Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")
            except OSError:
                pass
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit_files, max(limit_files, hard)))
        except (ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit_files, hard), hard))

    return before


def files_limit(wanted=65536):
    """How many files a program started here may open: some machines allow no more."""
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return wanted
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        return wanted
    except (ValueError, OSError):
        return hard


def end(process, patience=10):
    """Ends one process that this program started."""
    if process.poll() is not None:
        return process.returncode
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def tree(pid):
    """A process and all that descend from it."""
    pids = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                for child in file.read().split():
                    pids += tree(int(child))
    except OSError:
        pass
    return pids


def memory_kb(pids):
    """Resident and proportional memory of processes, in KB."""
    rss = pss = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            rss += int(re.search(r"VmRSS:\s+(\d+)", text)[1])
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
            pss += int(re.search(r"\nPss:\s+(\d+)", text)[1])
        except (OSError, TypeError):
            pass
    return rss, pss


def ask(address, method, path, body=None, headers=None, timeout=10, tls=False):
    """One request on a connection of its own: status, headers, body."""
    host, port = address.rsplit(":", 1)
    if tls:
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, int(port), timeout=timeout, context=anyone)
    else:
        connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def wait_ready(address, process, path="/v1/models", headers=None, patience=15, tls=False):
    """Until an answer of 200 comes."""
    limit = time.monotonic() + patience
    last = "nothing listens"
    while time.monotonic() < limit:
        if process.poll() is not None:
            break
        try:
            status, _, body = ask(address, "GET", path, headers=headers, timeout=2, tls=tls)
            if status == 200:
                return
            last = f"status {status}: {body[:200]!r}"
        except (OSError, http.client.HTTPException) as error:
            last = repr(error)
        time.sleep(0.02)
    tail = process.log_path.read_text(errors="replace")[-2000:]
    raise Failed(f"no answer from {process.args[0]}: {last}\n{tail}")


class Mock:
    """The upstream of everything here."""

    def __init__(self, shop, tool, cores=None, options=()):
        self.address = shop.address()
        self.process = shop.start([tool, "--listen", self.address, *options], cores, log="mock.log")
        wait_ready(self.address, self.process)

    def stats(self):
        return json.loads(ask(self.address, "GET", "/mock/stats")[2])

    def reset(self):
        ask(self.address, "POST", "/mock/reset")


def fill(text, **values):
    for name, value in values.items():
        text = text.replace(f"@{name.upper()}@", str(value))
    return text


class Gateway:
    """One of the columns: how to start it, and what the model's names are called through it."""

    def __init__(self, name, label, steer=False, env=None):
        self.name, self.label, self.env = name, label, env or {}
        self.steer = steer  # the mock's own model names go through it
        self.process = self.address = self.folder = None
        self.certificate = None  # a file with certificate and key: it listens for TLS alone

    def model(self, alias, upstream):
        return upstream if self.steer else alias

    def command(self, shop, upstream):
        raise NotImplementedError

    def place(self, shop, upstream):
        """A fresh folder, address and command."""
        self.folder = shop.folder / f"{self.name}-{time.monotonic_ns()}"
        self.folder.mkdir()
        self.address = shop.address()
        return self.command(shop, upstream)

    def start(self, shop, upstream, cores=None):
        command = self.place(shop, upstream)
        self.process = shop.start(command, cores, self.env, f"{self.folder.name}/output.log")
        wait_ready(self.address, self.process, headers={"Authorization": f"Bearer {KEY}"},
                   tls=self.certificate is not None)

    def over_tls(self, certificate):
        """The same gateway, to be started beside this one, with TLS for its clients."""
        twin = copy.copy(self)
        twin.process, twin.certificate = None, certificate
        return twin

    def stop(self, shop):
        if self.process is not None:
            shop.stop(self.process)
            self.process = None

    def pids(self):
        return tree(self.process.pid)


class Direct(Gateway):
    """No gateway at all: the load asks the mock."""

    def __init__(self):
        super().__init__("direct", "direct", steer=True)

    def start(self, shop, upstream, cores=None):
        self.address = upstream

    def pids(self):
        return []


NGINX_TLS = "ssl_certificate {0}; ssl_certificate_key {0}; ssl_protocols TLSv1.2 TLSv1.3;"


class Nginx(Gateway):
    def __init__(self, program="nginx"):
        super().__init__("nginx", "nginx `proxy_pass`", steer=True)
        self.program = program

    def command(self, shop, upstream):
        tls = self.certificate is not None
        text = fill((HERE / "nginx.conf").read_text(encoding="utf-8"), folder=self.folder,
                    upstream=upstream, listen=self.address, ssl="ssl http2" if tls else "",
                    certificate=NGINX_TLS.format(self.certificate) if tls else "",
                    user="user root;" if os.geteuid() == 0 else "")
        path = self.folder / "nginx.conf"
        path.write_text(text, encoding="utf-8")
        return [self.program, "-p", self.folder, "-c", path, "-e", self.folder / "error.log"]

    def version(self):
        done = subprocess.run([self.program, "-v"], capture_output=True, text=True, check=False)
        return done.stderr.strip().split("/")[-1]


class Sluice(Gateway):
    def __init__(self, program, name="sluice", env=None, template=None):
        label = "sluice" if name == "sluice" else f"sluice, {name}"
        super().__init__(name, label, env={"BENCH_KEY": KEY, "BENCH_UPSTREAM_KEY": UPSTREAM_KEY,
                                           **(env or {})})
        self.program = program
        self.template = template or HERE / "sluice.yaml"

    def command(self, shop, upstream):
        text = fill(pathlib.Path(self.template).read_text(encoding="utf-8"), folder=self.folder,
                    upstream=upstream, listen=self.address)
        if self.certificate is not None:
            text += f'\ntls: {{cert_file: "{self.certificate}", key_file: "{self.certificate}"}}\n'
        path = self.folder / "sluice.yaml"
        path.write_text(text, encoding="utf-8")
        return [self.program, "serve", "--config", path]

    def version(self):
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True,
                              check=False)
        return (done.stdout.strip().splitlines() or ["unknown"])[0].removeprefix("sluice ")


class Other(Gateway):
    """Any further gateway, by a command with {listen}, {upstream} and {folder} in it."""

    def __init__(self, name, text):
        super().__init__(name, name, steer=True)
        self.text = text

    def command(self, shop, upstream):
        import shlex
        host, port = self.address.split(":")
        return [part.format(listen=self.address, host=host, port=port, upstream=upstream,
                            folder=self.folder, key=KEY) for part in shlex.split(self.text)]

    def version(self):
        return "unknown"


def load(shop, tool, target, *options, cores=None, watch=None, timeout=600):
    """Runs the load generator; its result as a dictionary."""
    command = [tool, "--target", target, *options]
    for name, pids in (watch or {}).items():
        if pids:
            command += ["--watch", f"{name}={','.join(str(pid) for pid in pids[:8])}"]
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=timeout,
                          check=False, cwd=shop.folder, preexec_fn=prepared(cores, shop.nice, 262144))
    if done.returncode != 0:
        raise Failed(f"load ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return json.loads(done.stdout)


def certificate(shop):
    """A self-signed one and its key, in one file; P-256, as most servers have today."""
    path = shop.folder / "tls.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", path, "-out", f"{path}.cert"], check=True, capture_output=True)
    with open(path, "ab") as file:
        file.write(pathlib.Path(f"{path}.cert").read_bytes())
    return path


def machine():
    """What the figures depend on, without names of hosts or folders."""
    facts = {"kernel": os.uname().release, "cores": os.cpu_count(), "arch": os.uname().machine}
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
        facts["cpu"] = re.search(r"model name\s*: (.*)", text)[1].strip()
        facts["mhz"] = re.search(r"cpu MHz\s*: (\d+)", text)[1]
    except (OSError, TypeError):
        facts.setdefault("cpu", "unknown")
    try:
        text = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
        facts["system"] = re.search(r'PRETTY_NAME="(.*)"', text)[1]
    except (OSError, TypeError):
        facts["system"] = "unknown"
    try:
        text = pathlib.Path("/proc/meminfo").read_text(encoding="utf-8")
        facts["memory_gb"] = round(int(re.search(r"MemTotal:\s+(\d+)", text)[1]) / 2**20)
    except (OSError, TypeError):
        pass
    return facts
