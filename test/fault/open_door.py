"""An admin listener that others reach. Runs in a network namespace of its own, so that none do."""

import json
import os
import subprocess

import harness
import netns
import place


def door(shop, admin, edit=lambda text: text):
    """A sluice with its admin listener on all addresses, and how to ask there."""
    netns.network_up()
    mock = harness.Mock(shop, harness.find_tool("mock", place.tools()))
    port = harness.free_port(place.PORTS)
    gateway = place.Gateway(
        shop, mock.address,
        lambda text: edit(text.replace("listen:", f"admin_listen: 0.0.0.0:{port}\nlisten:", 1))
        .replace("admin: true", f"admin: {admin}")).again()

    def ask(method, path, key=None, body=None):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        status, _, answer = harness.ask(f"127.0.0.1:{port}", method, path, body, headers)
        return status, answer.decode()
    return gateway, ask


def test_an_open_admin_listener_asks_for_an_admin_key(shop):
    gateway, ask = door(shop, "true")
    for method, path in (("GET", "/metrics"), ("GET", "/admin/keys"), ("POST", "/admin/keys"),
                         ("GET", "/admin/config"), ("POST", "/admin/config")):
        status, answer = ask(method, path, body=b"{}" if method == "POST" else None)
        assert status == 401 and "keys make NAME --admin" in answer, (path, status, answer)
        assert ask(method, path, "nonsense")[0] == 401
    assert ask("GET", "/metrics", harness.KEY)[0] == 200
    status, made = ask("POST", "/admin/keys", harness.KEY, json.dumps({"name": "app"}))
    assert status == 201, made
    status, answer = ask("GET", "/metrics", json.loads(made)["secret"])
    assert status == 403 and "no admin key" in answer, (status, answer)
    assert ask("GET", "/health")[0] == 200
    assert len(gateway.rows("SELECT name FROM keys")) == 1, "a refused request made a key"
    return "nothing without an admin key"


def test_without_any_admin_key_it_starts_and_says_how_to_make_one(shop):
    gateway, ask = door(shop, "false")
    status, answer = ask("GET", "/admin/keys")
    assert status == 401 and "sluice keys make NAME --admin" in answer, (status, answer)
    status, answer = ask("GET", "/admin/keys", harness.KEY)
    assert status == 403 and "sluice keys make NAME --admin" in answer, (status, answer)
    made = subprocess.run([place.SLUICE, "keys", "make", "boss", "--admin", "--config",
                           gateway.folder / "sluice.yaml"], capture_output=True, text=True,
                          check=True, env={**os.environ, **gateway.env}).stdout.strip()
    place.wait_until("the new key works", lambda: ask("GET", "/metrics", made)[0] == 200, 5)
    return "and the key that it speaks of opens it"
