/* SPDX-License-Identifier: Apache-2.0 */
/* A key of nobody's: for tests only. */
#pragma once

#define TEST_PRIVATE_KEY                                                                           \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAO/HZlUjUhHOqd54\n"                       \
	"LAAHF/7sY9WDfpXiRP0Up03XSvEV/ck9UYNu5XfIJAsRS0g3aa272e2jjoZZyBDM\n"                       \
	"pQBN5g3HTTN8t5bENW/MX8lC8pyWO0UtdMfwq7eRxJj6K8gBQsVA8R3enQ9R2hT3\n"                       \
	"TxzlwTDnD4DKwMmaXPTSJLuyOf0jAgMBAAECgYAoR0WwbZN+vEmavnMduhNU1l7a\n"                       \
	"4hDkmrLeFJcaI11KbFhKcst7mahgW7V6Snhr9CsDbTfpjH0HopNSBx58k5leSeRJ\n"                       \
	"mIzZtH/A0Mq3t0mp1toZKUiR+6x+RDyl8c9kXkBoMP0iPZGEzXZoVjAdswVuXDLz\n"                       \
	"Mcw9h7D4YHGkPs112QJBAP605JyX2xVpzNtUw50gBfVTjKyVUr6doBH8nuG0uUFB\n"                       \
	"GlFEgmk7ahb8QDJXxc7vuSTTvRVWftDMbpLDMN5tIOcCQQDw/xn0LnhU+p/5xify\n"                       \
	"Y2Lgh1to83kYsosZfXfFaxPrrqRGxmndhGC5mCT7Fxt8mL4/0cnIosp/j0RiKwr3\n"                       \
	"2a5lAkEA2rTVQKkcU+y/HO5R8Y9Xzmnpdx/ZJxgOJKO4gbI/CIswX+vl1xpPZGFB\n"                       \
	"dnjrv18UqUyvJa1Zw0xm/dphEfy+rQJAI0HvFh5GVIhmJzCqX3fS225yHSShrs9Q\n"                       \
	"MmZ8w1ErFOvz9LbKfjIDxKNRpbp3tv7RtpyGnOfUIF1hb8tES4Z5UQJAFU+W3rgR\n"                       \
	"nXODLNL+2R8E0Axoegfbzs5w66KVIYmKidt7rtDaXwknSmZKMFTYOORQW9BGifUp\n"                       \
	"JQ5JQL6+Kl/4KQ==\n"                                                                       \
	"-----END PRIVATE KEY-----\n"

#define TEST_PUBLIC_KEY                                                                            \
	"-----BEGIN PUBLIC KEY-----\n"                                                             \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDvx2ZVI1IRzqneeCwABxf+7GPV\n"                       \
	"g36V4kT9FKdN10rxFf3JPVGDbuV3yCQLEUtIN2mtu9nto46GWcgQzKUATeYNx00z\n"                       \
	"fLeWxDVvzF/JQvKcljtFLXTH8Ku3kcSY+ivIAULFQPEd3p0PUdoU908c5cEw5w+A\n"                       \
	"ysDJmlz00iS7sjn9IwIDAQAB\n"                                                               \
	"-----END PUBLIC KEY-----\n"
