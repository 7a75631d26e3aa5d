"""Certificates made on the spot, and clients that trust them."""

import os
import ssl
import subprocess


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")


def certificate(folder, ca, name, as_name=None):
    """`name`.pem and .key by `ca`; both put in place by a new name, the certificate first."""
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "new.key", "-out", "new.csr", "-subj", f"/CN={as_name or name}")
    with open(os.path.join(folder, "names"), "w", encoding="utf-8") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    openssl(folder, "x509", "-req", "-in", "new.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
            "-CAcreateserial", "-out", "new.pem", "-days", "2", "-extfile", "names")
    for end in ("pem", "key"):
        os.rename(os.path.join(folder, "new." + end), os.path.join(folder, f"{name}.{end}"))


def context(w, alpn=("http/1.1",), own=None, most=ssl.TLSVersion.TLSv1_3):
    c = ssl.create_default_context(cafile=os.path.join(w.folder, "ca.pem"))
    c.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does by itself from 3.13 on
    c.maximum_version = most
    c.set_alpn_protocols(list(alpn))
    if own:
        c.load_cert_chain(os.path.join(w.folder, own + ".pem"),
                          os.path.join(w.folder, own + ".key"))
    return c
