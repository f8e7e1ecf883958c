/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines by tables. A table points into the command's own options struct and ends with
 * OPT_END:
 *
 *	struct tag_args {
 *		bool force;
 *		struct strv labels;
 *		struct tls_args tls;
 *	};
 *	static const struct opt tag_options[] = {
 *		OPT_BOOL('f', "force", struct tag_args, force),
 *		OPT_STRV('l', "label", struct tag_args, labels),
 *		OPT_GROUP(tls_options, struct tag_args, tls),
 *		OPT_END,
 *	};
 *
 * Accepted spellings: --name value, --name=value, -n value, -nvalue, -n=value, bundled -it;
 * booleans take only --name=true|false (and 1|0, t|f) or -n=false. "--" ends the options. An option
 * that is given twice: the last one wins, a STRV collects. Strings are borrowed from argv; strv
 * members are owned, opt_done() frees them.
 *
 * No third state: an option works, is IGNORED (accepted, the page says that it has no effect) or is
 * REFUSED by name.
 */
#pragma once
#include "base/strv.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum opt_kind {
	OPT_KIND_END,
	OPT_KIND_BOOL, /* bool */
	OPT_KIND_TRISTATE, /* int: -1 not said (the struct's init sets that), 0 no, 1 yes */
	OPT_KIND_STRING, /* const char * */
	OPT_KIND_MAYBE_STRING, /* const char *; a bare --name sets `text`, a value only as
	                          --name=value */
	OPT_KIND_STRV, /* struct strv */
	OPT_KIND_UINT, /* uint64_t, decimal */
	OPT_KIND_INT, /* int64_t, decimal, may be negative */
	OPT_KIND_SIZE, /* uint64_t, bytes: "64m" */
	OPT_KIND_ALIAS, /* another name (`text`) of an option of the same table */
	OPT_KIND_IGNORED, /* takes a value, no effect */
	OPT_KIND_IGNORED_BOOL, /* a switch without effect */
	OPT_KIND_REFUSED, /* known to buildah, docker or podman, ERR_UNSUPPORTED here; `text` says
	                     why, may be NULL */
	OPT_KIND_GROUP, /* the entries of another table, in a member struct */
};

struct opt {
	enum opt_kind kind;
	char letter; /* 0: none */
	const char *name; /* without the dashes */
	size_t offset;
	const char *text;
	const struct opt *group;
};

/* The conditional checks the member's type at compile time. */
#define OPT_ENTRY_(k, l, n, s, m, type, t)                                                         \
	{                                                                                          \
		.kind = (k), .letter = (l), .name = (n), .text = (t),                              \
		.offset = offsetof(s, m) + 0 * sizeof(&((s *)NULL)->m == (type *)NULL)             \
	}
#define OPT_BOOL(letter, name, s, m) OPT_ENTRY_(OPT_KIND_BOOL, letter, name, s, m, bool, NULL)
#define OPT_TRISTATE(letter, name, s, m)                                                           \
	OPT_ENTRY_(OPT_KIND_TRISTATE, letter, name, s, m, int, NULL)
#define OPT_STRING(letter, name, s, m)                                                             \
	OPT_ENTRY_(OPT_KIND_STRING, letter, name, s, m, const char *, NULL)
#define OPT_MAYBE_STRING(letter, name, s, m, bare)                                                 \
	OPT_ENTRY_(OPT_KIND_MAYBE_STRING, letter, name, s, m, const char *, bare)
#define OPT_STRV(letter, name, s, m)                                                               \
	OPT_ENTRY_(OPT_KIND_STRV, letter, name, s, m, struct strv, NULL)
#define OPT_UINT(letter, name, s, m) OPT_ENTRY_(OPT_KIND_UINT, letter, name, s, m, uint64_t, NULL)
#define OPT_INT(letter, name, s, m) OPT_ENTRY_(OPT_KIND_INT, letter, name, s, m, int64_t, NULL)
#define OPT_SIZE(letter, name, s, m) OPT_ENTRY_(OPT_KIND_SIZE, letter, name, s, m, uint64_t, NULL)
#define OPT_PLAIN_(k, l, n, t)                                                                     \
	{                                                                                          \
		.kind = (k), .letter = (l), .name = (n), .text = (t)                               \
	}
#define OPT_ALIAS(letter, name, of) OPT_PLAIN_(OPT_KIND_ALIAS, letter, name, of)
#define OPT_IGNORED(letter, name) OPT_PLAIN_(OPT_KIND_IGNORED, letter, name, NULL)
#define OPT_IGNORED_BOOL(letter, name) OPT_PLAIN_(OPT_KIND_IGNORED_BOOL, letter, name, NULL)
#define OPT_REFUSED(letter, name) OPT_PLAIN_(OPT_KIND_REFUSED, letter, name, NULL)
#define OPT_REFUSED_WHY(letter, name, why) OPT_PLAIN_(OPT_KIND_REFUSED, letter, name, why)
#define OPT_GROUP(table, s, m)                                                                     \
	{                                                                                          \
		.kind = OPT_KIND_GROUP, .offset = offsetof(s, m), .group = (table)                 \
	}
#define OPT_END                                                                                    \
	{                                                                                          \
		.kind = OPT_KIND_END                                                               \
	}

enum opt_flags {
	OPT_STOP_AT_POSITIONAL =
		1 << 0, /* what follows the first positional belongs to somebody else (run) */
	OPT_PUT_OFF = 1 << 1, /* an unknown long option is a positional, "--name=value" with the
	                         word behind it, and not the first */
};

#define OPT_HELP                                                                                   \
	1 /* opt_parse(): --help (or -h, unless the table has an h of its own) was given           \
	   */

/* argv[0] is the first word to look at. command: "mica build", for messages. ret_rest: positionals,
 * appended. 0, OPT_HELP, ERR_INVALID ("unknown option '--tga', did you mean '--tag'? See 'mica
 * build --help'"), ERR_UNSUPPORTED. */
int opt_parse(const struct opt *table, void *args, const char *command, int argc,
	char *const argv[], int flags, struct strv *ret_rest, struct err *err)
	__attribute__((warn_unused_result));
/* The same; an option that the table has not, but `more` has by that long name, is one of
 * *more_args. Not --help and --version, which mean the command's own help and arguments. */
int opt_parse_with(const struct opt *table, void *args, const struct opt *more, void *more_args,
	const char *command, int argc, char *const argv[], int flags, struct strv *ret_rest,
	struct err *err) __attribute__((warn_unused_result));
/* The words that opt_parse() made args from, as far as they say something: "--name=value".
 * Appended. */
void opt_words(const struct opt *table, const void *args, struct strv *ret);
/* Frees the strv members. */
void opt_done(const struct opt *table, void *args);
/* Is the word "--name=value" one of the table's? */
bool opt_knows(const struct opt *table, const char *word);
/* Calls fn for each option, groups opened up. */
void opt_each(const struct opt *table, void (*fn)(const struct opt *o, void *arg), void *arg);
/* The candidate nearest to word (edit distance), NULL when none is near enough to be meant. */
const char *opt_nearest(const char *word, const char *const *candidates, size_t n);
