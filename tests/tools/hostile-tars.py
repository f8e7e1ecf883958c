#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tars that no honest tool writes: hostile-tars.py DIRECTORY VICTIM

DIRECTORY/NAME.tar (or .tar.gz, .tar.zst) for each, DIRECTORY/NAME.oci an image layout with it as its only layer, and DIRECTORY/NAME.docker
what `docker load` reads. VICTIM is a directory outside of everything, with a file `f` in it, that they all aim at. Names are sorted by class.
"""
import gzip, hashlib, io, json, os, platform, struct, sys

out, victim = sys.argv[1], sys.argv[2]
BLOCK = 512
up = "../" * 24


def number(n, width):
    return (b"%0*o" % (width - 1, n)) + b"\0"


def header(name, kind=b"0", size=0, link="", mode=0o644, uid=0, gid=0, mtime=0, magic=b"ustar\x0000", prefix="", dev=(0, 0), fields=None, checksum=None):
    def raw(s, n):
        return (s if isinstance(s, bytes) else s.encode("utf-8", "surrogateescape"))[:n].ljust(n, b"\0")
    f = {"mode": number(mode, 8), "uid": number(uid, 8), "gid": number(gid, 8), "size": number(size, 12), "mtime": number(mtime, 12)}
    f.update(fields or {})
    h = raw(name, 100) + f["mode"] + f["uid"] + f["gid"] + f["size"] + f["mtime"] + b" " * 8 + kind + raw(link, 100) + magic
    h += raw("", 32) + raw("", 32) + number(dev[0], 8) + number(dev[1], 8) + raw(prefix, 155)
    h = h.ljust(BLOCK, b"\0")
    total = sum(h) if checksum is None else checksum
    return h[:148] + (b"%06o\0 " % total) + h[156:]


def padded(data):
    return data + b"\0" * (-len(data) % BLOCK)


def file(name, data=b"evil\n", **more):
    return header(name, size=len(data), **more) + padded(data)


def directory(name, **more):
    return header(name, b"5", mode=more.pop("mode", 0o755), **more)


def symlink(name, to, **more):
    return header(name, b"2", link=to, mode=0o777, **more)


def hardlink(name, to, **more):
    return header(name, b"1", link=to, **more)


def record(key, value):
    rest = b" " + key + b"=" + value + b"\n"
    n = len(rest)
    while len(b"%d" % n) + len(rest) != n:
        n = len(b"%d" % n) + len(rest)
    return b"%d" % n + rest


def pax(records, kind=b"x", raw=None):
    data = b"".join(record(k, v) for k, v in records) if raw is None else raw
    return header("pax", kind, size=len(data)) + padded(data)


def gnu_long(name, kind=b"L"):
    data = name.encode() + b"\0"
    return header("././@LongLink", kind, size=len(data), magic=b"ustar  \0") + padded(data)


def base256(n, width):
    return (n & (1 << (8 * width)) - 1).to_bytes(width, "big")


v = victim.lstrip("/")
deep = "/".join(["d"] * 40)
cases = {
    # paths
    "path-up": file(up + v + "/f"),
    "path-up-inside": directory("a") + file("a/../../" + up + v + "/f"),
    "path-absolute": file(victim + "/new"),
    "path-slashes": file("//" + v + "//new") + file("a/./b//c"),
    "path-empty": file(""),
    "path-dots": file(".") + file("..") + file("./") + file("../"),
    "path-long": gnu_long("l/" * 2400 + "f") + file("x"),
    "path-component": gnu_long("c" * 256) + file("x"),
    "path-component-4096": gnu_long("c" * 4096) + file("x"),
    "path-levels": gnu_long("/".join(["x"] * 2000)) + directory("y"),
    "path-newline": file("a\nb") + file("c\x1b[2Jd"),
    "path-invalid-utf8": file(b"\xff\xfe\x80") + pax([(b"path", b"\xff\xfe/x")]) + file("y"),
    "path-nul-in-pax": pax([(b"path", b"good\0" + v.encode())]) + file("y"),
    "path-backslash": file("..\\..\\f") + file("C:\\x"),
    # symbolic links
    "link-then-file": symlink("a", victim) + file("a/new") + file("a/f"),
    "link-up-then-file": symlink("a", up + v) + file("a/f"),
    "link-chain": symlink("a", "b") + symlink("b", "c") + symlink("c", victim) + file("a/f"),
    "link-below-link": directory("d") + symlink("d/l", up + v) + directory("d/l/sub") + file("d/l/sub/x"),
    "link-replaces-directory": directory("d") + file("d/x") + symlink("d", victim) + file("d/f"),
    "link-loop": symlink("a", "b") + symlink("b", "a") + file("a/f") + symlink("s", "s") + directory("s/x"),
    "link-is-the-file": symlink("f", victim + "/f") + file("f"),
    "link-mode": symlink("f", victim + "/f") + hardlink("h", "f", mode=0o4777) + file("h", mode=0o4777),
    "link-root": symlink(".", victim) + symlink("/", victim) + symlink("./", victim) + symlink("", victim) + file("f"),
    "link-empty": symlink("a", "") + file("a/b"),
    "link-long": symlink("a", "x" * 100) + pax([(b"linkpath", b"y/" * 40000)]) + symlink("b", "z") + file("b/c"),
    "link-whiteout": symlink("a", victim) + file("a/.wh.f", b"") + file("a/.wh..wh..opq", b""),
    "link-times": symlink("a", victim) + directory("a", mtime=1, mode=0o777, uid=1, gid=1),
    # hard links
    "hard-absolute": hardlink("h", victim + "/f") + file("h"),
    "hard-up": hardlink("h", up + v + "/f") + file("h"),
    "hard-through-link": symlink("a", victim) + hardlink("h", "a/f") + file("h", b"evil\n", mode=0o4777),
    "hard-to-link": symlink("a", victim + "/f") + hardlink("h", "a") + file("h"),
    "hard-to-directory": directory("d") + hardlink("h", "d") + file("h/x"),
    "hard-itself": hardlink("h", "h") + file("x") + hardlink("x", "x"),
    "hard-forward": hardlink("h", "later") + file("later"),
    "hard-to-device": header("dev", b"3", dev=(1, 3)) + hardlink("h", "dev") + file("h"),
    "hard-with-data": hardlink("h", "x", fields={"size": number(5, 12)}) + padded(b"evil\n"),
    # special files
    "special-devices": header("null", b"3", dev=(1, 3), mode=0o666) + header("disk", b"4", dev=(254, 0), mode=0o666) + file("null") + file("disk"),
    "special-fifo": header("fifo", b"6") + file("fifo") + header("etc/passwd", b"6"),
    "special-whiteout-device": header("f", b"3", dev=(0, 0)) + file("g"),
    "special-kinds": header("a", b"7") + header("b", b"9") + header("c", b"\xff") + header("d", b"S") + header("e", b"V") + header("g", b"M"),
    "special-setuid": file("su", mode=0o6755) + directory("sticky", mode=0o7777) + file("all", fields={"mode": b"7777777\0"}),
    # whiteouts
    "whiteout-odd": b"".join(file(n, b"") for n in (".wh.", ".wh..", ".wh...", ".wh..wh.", ".wh..wh..opq", ".wh..wh.aufs", ".wh..wh.plnk/x", "a/.wh.")),
    "whiteout-kinds": symlink(".wh..wh..opq", victim) + directory(".wh.d") + symlink(".wh.s", victim) + hardlink(".wh.h", ".wh.s"),
    "whiteout-up": file(".wh...", b"") + file("a/.wh...", b"") + file(".wh.." + "/" + v + "/f", b""),
    "whiteout-and-file": file("x") + file(".wh.x", b"") + file(".wh.y", b"") + file("y"),
    # the same name again
    "twice": file("a") + directory("a") + file("a/b") + symlink("a", victim) + file("a") + directory("a") + file("a/f"),
    "twins": file("CASE") + file("case") + file("\u00e9") + file("e\u0301"),
    # extended attributes
    "xattr-overlay": pax([(b"SCHILY.xattr.user.overlay.opaque", b"y"), (b"SCHILY.xattr.trusted.overlay.redirect", b"/" + v.encode()), (b"SCHILY.xattr.user.overlay.metacopy", b"")]) + directory("d") + file("d/x"),
    "xattr-names": pax([(b"SCHILY.xattr." + n, b"x" * 20) for n in (b"", b".", b"user.", b"security.selinux", b"security.ima", b"system.posix_acl_access", b"nonsense", b"user." + b"n" * 300)]) + file("x"),
    "xattr-large": pax([(b"SCHILY.xattr.user.big", b"x" * 70000)]) + file("x"),
    "xattr-many": pax([(b"SCHILY.xattr.user.n%d" % i, b"") for i in range(20000)]) + file("x"),
    "xattr-capability": pax([(b"SCHILY.xattr.security.capability", b"\x01\x00\x00\x02" + b"\xff" * 16)]) + file("x") + pax([(b"SCHILY.xattr.security.capability", b"junk")]) + file("y"),
    # grammar
    "grammar-no-end": file("x"),
    "grammar-cut": file("x", b"evil" * 1000)[:700],
    "grammar-checksum": header("x", checksum=1) + file("y"),
    "grammar-junk-after-end": file("x") + b"\0" * 1024 + file(up + v + "/f") + b"junk" * 1000,
    "grammar-size-octal-overflow": header("x", fields={"size": b"777777777777"}),
    "grammar-size-base256-negative": header("x", fields={"size": b"\xff" + base256(-5, 11)}) + file("y"),
    "grammar-size-base256-huge": header("x", fields={"size": b"\x80" + base256(2**62, 11)}) + file("y"),
    "grammar-size-of-directory": header("d", b"5", fields={"size": number(4096, 12)}) + file("y") * 8,
    "grammar-times": file("a", fields={"mtime": b"\xff" + base256(-2**40, 11)}) + file("b", fields={"mtime": b"\x80" + base256(2**60, 11)}) + pax([(b"mtime", b"1e400"), (b"atime", b"nan")]) + file("c"),
    "grammar-ids": file("a", fields={"uid": b"\x80" + base256(2**32 - 1, 7)}) + file("b", fields={"uid": b"\x80" + base256(2**32, 7), "gid": b"\xff" + base256(-1, 7)}) + pax([(b"uid", b"99999999999999999999")]) + file("c"),
    "grammar-pax-size": pax([(b"size", b"9223372036854775808")]) + file("x"),
    "grammar-pax-size-negative": pax([(b"size", b"-1")]) + file("x"),
    "grammar-pax-lengths": pax([], raw=b"99999999999999999999 path=x\n0 a=b\n-5 c=d\n3 =\n") + file("x"),
    "grammar-pax-large": pax([(b"comment", b"x" * 3000000)]) + file("x"),
    "grammar-pax-global": pax([(b"path", (up + v + "/f").encode()), (b"size", b"5")], kind=b"g") + file("x") + file("y"),
    "grammar-pax-charset": pax([(b"hdrcharset", b"BINARY"), (b"path", (up + v + "/f").encode())]) + file("x"),
    "grammar-gnu-and-pax": gnu_long(up + v + "/f") + pax([(b"path", b"inside")]) + file("x"),
    "grammar-long-name-alone": gnu_long("a" * 5000) * 3,
    "grammar-long-name-huge": header("././@LongLink", b"L", size=2**33 - 1, magic=b"ustar  \0") + file("x"),
    "grammar-sparse-1.0": pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", (up + v + "/f").encode()), (b"GNU.sparse.realsize", b"9223372036854775807")]) + file("x", padded(b"3\n0\n9223372036854775807\n5\n10\n3\n9\n") + b"evil\n"),
    "grammar-sparse-0.1": pax([(b"GNU.sparse.map", b"0,10,5,10,18446744073709551615,1"), (b"GNU.sparse.size", b"100")]) + file("x", b"x" * 20),
    "grammar-sparse-old": header("x", b"S", size=10, magic=b"ustar  \0") + padded(b"y" * 10),
    "grammar-empty": b"",
    "grammar-one-block": b"\0" * BLOCK,
    "grammar-noise": bytes((i * 7919 + i * i) & 255 for i in range(20000)),
    "grammar-many-entries": b"".join(file("n%d" % i, b"") for i in range(5000)),
    "deep": directory(deep) + file(deep + "/x"),
}


def zstd_frame(data, window=None):
    """Stored blocks; window: the descriptor's exponent."""
    head = b"\x28\xb5\x2f\xfd\x00" + bytes([(window or 17) - 10 << 3])
    blocks = [data[i:i + 100000] for i in range(0, len(data), 100000)] or [b""]
    return head + b"".join(struct.pack("<I", (len(b) << 3) | (i == len(blocks) - 1))[:3] + b for i, b in enumerate(blocks))


def zeros(n):
    return header("zeros", size=n)


def gzip_zeros(n):
    b = io.BytesIO()
    with gzip.GzipFile(fileobj=b, mode="wb", mtime=0, compresslevel=6) as z:
        z.write(zeros(n))
        chunk = bytes(1 << 20)
        for _ in range(n >> 20):
            z.write(chunk)
        z.write(bytes(1024))
    return b.getvalue()


whole = file("x") + bytes(1024)
packed = {
    "packed-bomb.gz": gzip_zeros(64 << 20),
    "packed-members.gz": gzip.compress(b"", mtime=0) * 50000 + gzip.compress(whole, mtime=0),
    "packed-twice.gz": gzip.compress(gzip.compress(whole, mtime=0), mtime=0),
    "packed-cut.gz": gzip.compress(whole + bytes(os.urandom(5000)), mtime=0)[:-20],
    "packed-crc.gz": gzip.compress(whole, mtime=0)[:-8] + b"\0" * 8,
    "packed-junk-after.gz": gzip.compress(whole, mtime=0) + b"junk" * 100,
    "packed-window.zst": zstd_frame(whole, 31),
    "packed-skippable.zst": b"\x50\x2a\x4d\x18" + struct.pack("<I", 2**32 - 1) + b"x" * 100,
    "packed-skippables.zst": (b"\x50\x2a\x4d\x18" + struct.pack("<I", 0)) * 50000 + zstd_frame(whole),
    # zeros as blocks of one byte repeated: 4 bytes for 128 KiB
    "packed-bomb.zst": b"\x28\xb5\x2f\xfd\x00" + bytes([7 << 3]) + struct.pack("<I", len(zeros(1 << 30)) << 3)[:3] + zeros(1 << 30)
    + (struct.pack("<I", (131072 << 3) | 2)[:3] + b"\0") * 8192 + struct.pack("<I", (1024 << 3) | 3)[:3] + b"\0",
}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def unpacked(data, kind):
    """What the diff ID is of, when anything can be said about it."""
    try:
        if kind == "gz":
            return digest(gzip.decompress(data))
    except (OSError, EOFError):
        pass
    return digest(data)


def layout(name, layer, kind, diff):
    where = os.path.join(out, name + ".oci", "blobs", "sha256")
    os.makedirs(where)

    def blob(data):
        with open(os.path.join(where, digest(data)[7:]), "wb") as f:
            f.write(data)
        return {"digest": digest(data), "size": len(data)}
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    config = blob(json.dumps({"architecture": arch, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff]}}).encode())
    config["mediaType"] = "application/vnd.oci.image.config.v1+json"
    l = blob(layer)
    l["mediaType"] = "application/vnd.oci.image.layer.v1.tar" + {"gz": "+gzip", "zst": "+zstd"}.get(kind, "")
    m = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [l]}).encode())
    m.update(mediaType="application/vnd.oci.image.manifest.v1+json", annotations={"org.opencontainers.image.ref.name": "latest"})
    base = os.path.join(out, name + ".oci")
    with open(os.path.join(base, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [m]}, f)
    with open(os.path.join(base, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    return json.dumps({"architecture": arch, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff]}}).encode()


def docker(name, layer, config):
    manifest = json.dumps([{"Config": "config.json", "RepoTags": ["localhost/%s:latest" % name.lower()], "Layers": ["layer.tar"]}]).encode()
    with open(os.path.join(out, name + ".docker"), "wb") as f:
        f.write(file("manifest.json", manifest) + file("config.json", config) + file("layer.tar", layer) + bytes(1024))


os.makedirs(out)
for name, data in cases.items():
    if not name.startswith("grammar-"):
        data += bytes(1024)
    with open(os.path.join(out, name + ".tar"), "wb") as f:
        f.write(data)
    docker(name, data, layout(name, data, "", digest(data)))
for full, data in packed.items():
    name, kind = full.rsplit(".", 1)
    name += "-" + kind
    with open(os.path.join(out, name + ".tar"), "wb") as f:
        f.write(data)
    docker(name, data, layout(name, data, kind, unpacked(data, kind)))
