/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mica-remote wrap`, `unwrap`, `encrypt` and `decrypt`: one piece of work with encrypted layers,
 * by a process of its own. Descriptor 3 is a memory file with the request in JSON, which the reply
 * takes the place of: {"error": {"code", "message"}}, or
 *	unwrap   {"keys": [{"name", "pem", "password"}], "layers": [{"name", "jwe", "options"}]}
 *	         -> {"layers": [KEY]}, with KEY {"key", "nonce", "mac", "digest"}, bytes in base64
 *	wrap     {"keys": [{"name", "pem"}], "layers": [KEY]} -> {"layers": [{"jwe", "options"}]}
 *	decrypt  KEY with "from", the digest of the encrypted bytes, and their "size"; from standard
 *	         input to standard output -> {}: they were these, and their HMAC was right
 *	encrypt  {} -> KEY without "digest"; "to", the digest of the encrypted bytes, and "size"
 */
#pragma once

/* What main() returns. */
int sealing_main(const char *what);
