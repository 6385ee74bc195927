#!/usr/bin/env python3
"""Everything that ftplib can do, against one server.

client.py clear|explicit|implicit HOST PORT USER PASSWORD AUTHORITY NAME...

Runs in a folder with the named files; fetches the server's files of these names into got/, puts its own
into new/, and expects the first half of its own big.bin as half.bin.
"""

import ftplib
import os
import ssl
import sys


def main():
    kind, host, port, user, password, authority, *names = sys.argv[1:]
    ftp = connect(kind, host, int(port), authority)
    ftp.login(user, password)
    if kind != "clear":
        ftp.prot_p()
    for passive in (True, False):
        ftp.set_pasv(passive)
        transfer(ftp, names)
    ftp.set_pasv(True)
    resume(ftp)
    arrange(ftp)
    ftp.quit()


def transfer(ftp, names):
    listed = ftp.nlst()
    facts = dict(ftp.mlsd(facts=["type", "size"]))
    long = []
    ftp.retrlines("LIST", long.append)
    if "new" not in facts:
        ftp.mkd("new")
    for name in names:
        assert name in listed, (name, listed)
        assert any(line.endswith(name) for line in long), (name, long)
        assert facts[name]["type"] == "file", facts[name]
        with open(os.path.join("got", name), "wb") as file:
            ftp.retrbinary(f"RETR {name}", file.write)
        size = os.path.getsize(os.path.join("got", name))
        assert int(facts[name]["size"]) == ftp.size(name) == size, (name, facts[name], size)
        with open(name, "rb") as file:
            ftp.storbinary(f"STOR new/{name}", file)


def resume(ftp):
    half = ftp.size("half.bin")
    with open("big.bin", "rb") as file:
        file.seek(half)
        ftp.storbinary("STOR half.bin", file, rest=half)
    path = os.path.join("got", "big.bin")
    size = os.path.getsize(path)
    os.truncate(path, size // 2)
    with open(path, "ab") as file:
        ftp.retrbinary("RETR big.bin", file.write, rest=size // 2)


def arrange(ftp):
    ftp.rename("half.bin", "renamed here.bin")
    ftp.delete("new/empty")
    assert ftp.mkd("made") == "/made"
    ftp.cwd("made")
    assert ftp.pwd() == "/made"
    ftp.cwd("..")
    ftp.rmd("made")
    try:
        ftp.delete("missing")
    except ftplib.error_perm as error:
        assert str(error).startswith("550"), error
    else:
        raise AssertionError("a missing file was deleted")
    ftp.voidcmd("NOOP")


def connect(kind, host, port, authority):
    if kind == "clear":
        ftp = ftplib.FTP(timeout=60, encoding="utf-8")
    else:
        context = ssl.create_default_context(cafile=authority)
        ftp = (ImplicitTls if kind == "implicit" else ftplib.FTP_TLS)(
            context=context, timeout=60, encoding="utf-8"
        )
    ftp.connect(host, port)
    return ftp


class ImplicitTls(ftplib.FTP_TLS):
    """ftplib knows explicit TLS only: here the control socket is wrapped as soon as it is set."""

    _wrapped = None

    @property
    def sock(self):
        return self._wrapped

    @sock.setter
    def sock(self, value):
        if value is not None and not isinstance(value, ssl.SSLSocket):
            value = self.context.wrap_socket(value, server_hostname=self.host)
        self._wrapped = value


if __name__ == "__main__":
    main()
