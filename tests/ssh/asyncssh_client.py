#!/usr/bin/env python3
"""What asyncssh can do, against one server.

asyncssh_client.py TASK HOST PORT USER PASSWORD

Runs in a folder with the files `big` and `small`, which the server has too.
"""

import asyncio
import hashlib
import os
import sys

import asyncssh


async def main():
    task, host, port, user, password = sys.argv[1:]
    async with asyncssh.connect(
        host, int(port), username=user, password=password, known_hosts=None, client_keys=None, config=None
    ) as connection:
        await {
            "transfers": transfers,
            "extensions": extensions,
            "channels": channels,
            "parallel": parallel,
        }[task](connection)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def transfers(connection):
    os.mkdir("tree")
    for number in range(300):
        with open(f"tree/{number}", "wb") as file:
            file.write(bytes([number % 256]) * (number * 17))
    async with connection.start_sftp_client() as sftp:
        await sftp.put("small", "put", max_requests=256)
        await sftp.get("put", "got", max_requests=256)
        assert digest("got") == digest("small")
        await sftp.get("big", "got", max_requests=256)
        assert digest("got") == digest("big")
        await sftp.put("tree", "tree", recurse=True, preserve=True)
        await sftp.mkdir("flat")
        await sftp.mput("tree/*", "flat")
        os.mkdir("back")
        await sftp.mget("flat/*", "back")
        await sftp.get("tree", "again", recurse=True)
        for number in range(300):
            for folder in ("back", "again"):
                assert digest(f"{folder}/{number}") == digest(f"tree/{number}"), number
        await sftp.mcopy("flat/1*", "tree")
        names = await sftp.glob("flat/29?")
        assert sorted(names) == [f"flat/{number}" for number in range(290, 300)], names
        await sftp.rmtree("flat")
        assert not await sftp.exists("flat")


async def extensions(connection):
    async with connection.start_sftp_client() as sftp:
        told = await sftp.statvfs("/")
        assert told.bsize > 0 and told.blocks > 0 and told.namemax >= 100, told
        async with sftp.open("f", "wb") as file:
            await file.write(b"content")
            await file.fsync()
            told = await file.statvfs()
            assert told.blocks > 0
        await sftp.link("f", "hard")
        assert (await sftp.stat("hard")).size == 7
        await sftp.posix_rename("hard", "f2")
        # OpenSSH turned the order on the wire round; asyncssh keeps to the draft with every other server.
        await sftp.symlink("f", "soft")
        assert await sftp.readlink("soft") == "f"
        attributes = asyncssh.SFTPAttrs(atime=1_000_000_000, mtime=1_000_000_001)
        await sftp.setstat("soft", attributes, follow_symlinks=False)
        assert (await sftp.lstat("soft")).mtime == 1_000_000_001
        assert (await sftp.stat("f")).mtime != 1_000_000_001
        await sftp.remote_copy("small", "copied")
        await sftp.get("copied", "got")
        assert digest("got") == digest("small")
        assert sftp.supports_remote_copy
        assert await sftp.realpath("x/../soft") in ("/soft", "/f"), await sftp.realpath("soft")
        limits = sftp.limits
        assert limits.max_read_len >= 32768 and limits.max_write_len >= 32768, limits
        names = [entry.filename async for entry in sftp.scandir(".")]
        assert {"f", "f2", "soft", "big", "copied"} <= set(names), names


async def channels(connection):
    """Ten channels at once; the eleventh is refused, and a place is given back."""
    clients = [await connection.start_sftp_client() for _ in range(10)]
    await asyncio.gather(*(sftp.get("small", f"got{number}") for number, sftp in enumerate(clients)))
    for number in range(10):
        assert digest(f"got{number}") == digest("small"), number
        os.remove(f"got{number}")
    try:
        await connection.start_sftp_client()
    except asyncssh.ChannelOpenError as error:
        assert error.code == asyncssh.OPEN_RESOURCE_SHORTAGE, error
    else:
        raise AssertionError("an eleventh channel")
    assert await clients[0].exists("big")
    clients[0].exit()
    await clients[0].wait_closed()
    # The server hears of the end of a channel in its own time.
    for _ in range(1000):
        try:
            again = await connection.start_sftp_client()
            break
        except asyncssh.ChannelOpenError:
            continue
    assert await again.exists("big")


async def parallel(connection):
    """Requests of all kinds, many at once, on one channel."""
    async with connection.start_sftp_client() as sftp:
        await asyncio.gather(*(sftp.mkdir(f"d{number}") for number in range(40)))

        async def one(number):
            path = f"d{number % 40}/{number}"
            async with sftp.open(path, "wb") as file:
                await asyncio.gather(
                    *(file.write(bytes([block]) * 1000, block * 1000) for block in range(20))
                )
            async with sftp.open(path, "rb") as file:
                blocks = await asyncio.gather(*(file.read(1000, block * 1000) for block in range(20)))
            assert blocks == [bytes([block]) * 1000 for block in range(20)], number
            assert (await sftp.stat(path)).size == 20_000
            await sftp.remove(path)

        await asyncio.gather(*(one(number) for number in range(200)))
        assert len([name for name in await sftp.listdir("d0") if name not in (".", "..")]) == 0


asyncio.run(main())
