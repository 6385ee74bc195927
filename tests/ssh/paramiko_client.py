#!/usr/bin/env python3
"""What paramiko can do, against one server.

paramiko_client.py TASK HOST PORT USER PASSWORD

Runs in a folder with the files `big` and `small`, which the server has too.
"""

import hashlib
import io
import os
import stat
import sys

import paramiko


def main():
    task, host, port, user, password = sys.argv[1:]
    if task == "keys":
        keys(host, int(port), user, password)
        return
    client = connect(host, int(port), user, password)
    sftp = client.open_sftp()
    {"prefetch": prefetch, "pipeline": pipeline, "arrange": arrange, "modes": modes, "check": check}[task](sftp)
    client.close()


def connect(host, port, user, password):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        host, port, user, password, look_for_keys=False, allow_agent=False, timeout=60, banner_timeout=60
    )
    return client


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prefetch(sftp):
    # Two thousand READs at once, and no limit on them.
    sftp.get("big", "got")
    assert digest("got") == digest("big")
    for limit in (None, 1, 16):
        sftp.get("small", "got", prefetch=True, max_concurrent_prefetch_requests=limit)
        assert digest("got") == digest("small")
    # Asked for and left: what comes is nobody's.
    with sftp.open("big") as file:
        file.prefetch(os.path.getsize("big"))
        assert len(file.read(100_000)) == 100_000
    assert sftp.stat("big").st_size == os.path.getsize("big")
    with open("big", "rb") as ours, sftp.open("big") as file:
        ranges = [(0, 10), (5_000_000, 70_000), (1, 1), (33_554_432, 40_000), (67_108_860, 100)]
        for (offset, length), got in zip(ranges, file.readv(ranges)):
            ours.seek(offset)
            assert got == ours.read(length), (offset, length)


def pipeline(sftp):
    with open("big", "rb") as file:
        attributes = sftp.putfo(file, "put", confirm=True)
    assert attributes.st_size == os.path.getsize("big")
    with sftp.open("by hand", "wb") as target, open("small", "rb") as source:
        target.set_pipelined(True)
        while chunk := source.read(32768):
            target.write(chunk)
    sftp.get("by hand", "got")
    assert digest("got") == digest("small")
    sftp.get("put", "got")
    assert digest("got") == digest("big")


def arrange(sftp):
    assert sftp.normalize(".") == "/"
    sftp.mkdir("d", 0o750)
    sftp.putfo(io.BytesIO(b"0123456789"), "d/a")
    assert stat.S_IMODE(sftp.stat("d").st_mode) == 0o750
    assert stat.S_ISDIR(sftp.stat("d").st_mode) and stat.S_ISREG(sftp.stat("d/a").st_mode)
    sftp.chmod("d/a", 0o640)
    assert stat.S_IMODE(sftp.stat("d/a").st_mode) == 0o640
    sftp.utime("d/a", (1_000_000_000, 1_100_000_000))
    told = sftp.stat("d/a")
    assert (told.st_atime, told.st_mtime) == (1_000_000_000, 1_100_000_000), told
    sftp.truncate("d/a", 4)
    assert sftp.stat("d/a").st_size == 4
    sftp.truncate("d/a", 6)
    with sftp.open("d/a") as file:
        assert file.read() == b"0123\0\0"
    sftp.symlink("a", "d/link")
    assert sftp.readlink("d/link") == "a"
    assert stat.S_ISLNK(sftp.lstat("d/link").st_mode) and stat.S_ISREG(sftp.stat("d/link").st_mode)
    names = sorted(sftp.listdir("d"))
    assert names == ["a", "link"], names
    by_name = {entry.filename: entry for entry in sftp.listdir_attr("d")}
    assert by_name["a"].st_size == 6 and stat.S_ISLNK(by_name["link"].st_mode), by_name
    assert sorted(entry.filename for entry in sftp.listdir_iter("d")) == names
    sftp.putfo(io.BytesIO(b"x"), "d/b")
    refused(OSError, sftp.rename, "d/a", "d/b")
    sftp.posix_rename("d/a", "d/b")
    assert sftp.stat("d/b").st_size == 6
    sftp.rename("d/b", "d/c")
    sftp.chdir("d")
    assert sftp.getcwd() == "/d" and sftp.normalize("c") == "/d/c"
    sftp.remove("link")
    sftp.remove("c")
    sftp.chdir(None)
    sftp.rmdir("d")
    refused(FileNotFoundError, sftp.stat, "d")
    refused(FileNotFoundError, sftp.open, "missing")
    refused(FileNotFoundError, sftp.remove, "missing")
    refused(FileNotFoundError, sftp.listdir, "missing")
    # Names that are no text.
    odd = b"\xff\xfe odd"
    sftp.putfo(io.BytesIO(b"odd"), odd)
    with sftp.open(odd) as file:
        assert file.read() == b"odd"
    sftp.remove(odd)


def modes(sftp):
    with sftp.open("f", "w") as file:
        file.write(b"first\n")
    with sftp.open("f", "a") as file:
        file.write(b"second\n")
        file.write(b"third\n")
    with sftp.open("f") as file:
        assert file.readlines() == ["first\n", "second\n", "third\n"]
    with sftp.open("f", "r+") as file:
        file.seek(6)
        file.write(b"SECOND")
        file.seek(0)
        assert file.read(5) == b"first"
        assert file.stat().st_size == 19
        file.truncate(13)
        file.chmod(0o600)
        file.utime((5, 1_000_000_000))
    with sftp.open("f") as file:
        assert file.read() == b"first\nSECOND\n"
    assert sftp.stat("f").st_mtime == 1_000_000_000
    refused(OSError, sftp.open, "f", "wx")
    with sftp.open("new", "wx") as file:
        file.write(b"x")
    with sftp.open("w", "w+") as file:
        file.write(b"0123456789")
        file.flush()
        file.seek(3)
        assert file.read(4) == b"3456"
    # Blocks out of order, with a hole between them.
    with sftp.open("holes", "w") as file:
        file.seek(100_000)
        file.write(b"end")
        file.seek(0)
        file.write(b"begin")
    with sftp.open("holes") as file:
        content = file.read()
    assert content == b"begin" + bytes(100_000 - 5) + b"end", len(content)
    refused(OSError, sftp.open("f").write, b"x")


def check(sftp):
    with open("big", "rb") as file:
        content = file.read()
    with sftp.open("big") as file:
        for name in ("md5", "sha1", "sha256", "sha512"):
            expected = hashlib.new(name, content).digest()
            assert file.check(name) == expected, name
        expected = hashlib.sha256(content[1000:101_000]).digest()
        assert file.check("sha256", 1000, 100_000) == expected
        blocks = file.check("md5", 0, 1_000_000, 300_000)
        expected = b"".join(
            hashlib.md5(content[start : min(start + 300_000, 1_000_000)]).digest()
            for start in range(0, 1_000_000, 300_000)
        )
        assert blocks == expected
        refused(OSError, file.check, "crc32-of-nobody")


def keys(host, port, user, password):
    """A flood of keys, each of which is looked at, and the server has time for others."""
    transport = paramiko.Transport((host, port))
    transport.start_client(timeout=60)
    tried = 0
    strangers = [paramiko.ECDSAKey.generate() for _ in range(20)]
    try:
        for number in range(100_000):
            try:
                transport.auth_publickey(user, strangers[number % 20])
            except paramiko.AuthenticationException:
                tried += 1
            else:
                raise AssertionError("a stranger's key let in")
    except (paramiko.SSHException, EOFError, OSError):
        pass
    transport.close()
    assert tried < 100_000, "nobody ends it"
    connect(host, port, user, password).close()


def refused(kind, function, *arguments):
    try:
        function(*arguments)
    except kind:
        return
    raise AssertionError((function, arguments))


if __name__ == "__main__":
    main()
