#!/usr/bin/env python3
"""Transfers of ftplib in the current folder.

client.py clear|tls HOST USER PASSWORD AUTHORITY [trust] (get|put NAME)...

With trust, it believes the address in the reply to PASV, which ftplib by itself does not.
"""

import ftplib
import ssl
import sys


class Reusing(ftplib.FTP_TLS):
    """ftplib resumes no session; whoever needs it does as here (bugs.python.org/issue19500)."""

    def ntransfercmd(self, command, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, command, rest)
        session = self.sock.session
        return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size


def main():
    kind, host, user, password, authority, *orders = sys.argv[1:]
    if kind == "clear":
        ftp = ftplib.FTP(timeout=60)
    else:
        ftp = Reusing(context=ssl.create_default_context(cafile=authority), timeout=60)
    if orders[0] == "trust":
        ftp.trust_server_pasv_ipv4_address = bool(orders.pop(0))
    ftp.connect(host)
    ftp.login(user, password)
    if kind != "clear":
        ftp.prot_p()
    for order, name in zip(orders[::2], orders[1::2], strict=True):
        if order == "get":
            with open(name, "wb") as file:
                reply = ftp.retrbinary(f"RETR {name}", file.write)
        else:
            with open(name, "rb") as file:
                reply = ftp.storbinary(f"STOR {name}", file)
        print(f"{order} {name}: {reply}")
    print(ftp.voidcmd("NOOP"))
    ftp.quit()


if __name__ == "__main__":
    main()
