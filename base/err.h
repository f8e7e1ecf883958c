/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error value. Every function that can fail returns 0 or a negative enum err_code and fills the
 * struct err that the caller passed as the last parameter: plain data on the caller's stack,
 * nothing to free. It is smaller than PIPE_BUF, so a forked child reports one with a single write.
 *
 *	if (fd < 0)
 *		return err_sys(err, "cannot open '%s'", path);
 *	if (n > MANIFEST_MAX)
 *		return err_set(err, ERR_LIMIT, "manifest is larger than %llu bytes", MANIFEST_MAX);
 *	if (blob_open(...) < 0)
 *		return err_wrap(err, "layer %zu", i);      -> "layer 3: <what was there>"
 *
 * Text: lower case, what failed first, the subject in single quotes, no full stop.
 */
#pragma once

enum err_code {
	ERR_SYS = -1, /* a system call failed; errno is kept in sys */
	ERR_NOT_FOUND = -2, /* the thing that was asked for does not exist */
	ERR_EXISTS = -3, /* it is there already */
	ERR_INVALID = -4, /* input that is not well formed */
	ERR_CORRUPT = -5, /* digest or size mismatch */
	ERR_DENIED = -6, /* refused by policy or by the other side */
	ERR_AUTH = -7, /* credentials missing or refused */
	ERR_NETWORK = -8, /* a transfer failed; may be retried */
	ERR_BUSY = -9, /* locked by another process */
	ERR_LIMIT = -10, /* a limit of ours was reached */
	ERR_UNSUPPORTED = -11, /* known, but not done here */
	ERR_COMMAND = -12, /* a command that we ran failed; sys is its exit status */
	ERR_CANCELLED = -13, /* stopped by the user or by another failure */
};

struct err {
	int code; /* 0 or enum err_code */
	int sys; /* errno for ERR_SYS, exit status for ERR_COMMAND */
	char msg[1400];
	/* bytes that an ENOSPC is known to be for, and for at most; 0: not known: base/room.h */
	unsigned long long need, most;
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		0, 0, "", 0, 0                                                                     \
	}

/*
 * All three return the code that err holds afterwards, for use in a return statement. It is
 * negative; another one is a bug and ends the program. They are macros so that compilers and
 * analyzers, which see one file at a time, know that a function that returned 0 has set its
 * results.
 *
 * err_set(err, code, fmt, ...)
 * err_sys(err, fmt, ...): ERR_SYS; appends ": " and err_text(errno).
 * err_wrap(err, fmt, ...): the code that is there; puts "<text>: " before the message.
 */
#define err_set(err, code, ...) err_result(err_fill((err), (code), __VA_ARGS__))
#define err_sys(err, ...) err_result(err_fill_sys((err), __VA_ARGS__))
#define err_wrap(err, ...) err_result(err_prefix((err), __VA_ARGS__))
int err_fill(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(1)));
#define ERR_TEXT_MAX 200
/* What strerror(3) says of an error number, beginning in lower case. */
const char *err_text(int sys, char buf[ERR_TEXT_MAX]);
int err_fill_sys(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(1)));
int err_prefix(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(1)));
static inline int err_result(int code)
{
#ifdef __clang__
	__builtin_assume(code < 0); /* its analyzer follows functions without branches everywhere */
#else
	if (code >= 0)
		__builtin_unreachable();
#endif
	return code;
}

void err_clear(struct err *err);
/* True for an ERR_SYS with this errno. */
_Bool err_is_sys(const struct err *err, int sys);
