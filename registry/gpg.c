/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/gpg.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "store/store.h"

#define STATUS "[GNUPG:] "
#define STATUS_MAX (64 * KIB)
#define FILE_MAX (32 * MIB) /* the most that gpg writes to one file, its keyring for one */

/* One run: what goes in and comes out are files in memory, so nobody waits for anybody. */
struct run {
	int in, out, status, messages;
};

#define RUN_INIT                                                                                   \
	{                                                                                          \
		-1, -1, -1, -1                                                                     \
	}

static void run_done(struct run *r)
{
	mem_close_p(&r->in);
	mem_close_p(&r->out);
	mem_close_p(&r->status);
	mem_close_p(&r->messages);
}
#define AUTO_RUN __attribute__((cleanup(run_done)))

static int run_open(struct run *r, const char *input, size_t n, struct err *err)
{
	r->in = memfd_create("in", MFD_CLOEXEC);
	r->out = memfd_create("out", MFD_CLOEXEC);
	r->status = memfd_create("status", MFD_CLOEXEC);
	r->messages = memfd_create("messages", MFD_CLOEXEC);
	if (r->in < 0 || r->out < 0 || r->status < 0 || r->messages < 0 ||
		fs_write_all(r->in, input, n) < 0 || lseek(r->in, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot make a memory file");
	return 0;
}

static int read_back(
	int fd, const char *what, size_t max, char **ret, size_t *ret_n, struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot read what gpg wrote");
	return fs_read_fd(fd, what, max, ret, ret_n, err);
}

/* The last line that says something, without "gpg: ". New string. */
static char *last_message(const struct run *r)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	if (read_back(r->messages, "messages", STATUS_MAX, &text, &n, &ignored) < 0)
		return xstrdup("it says too much");
	while (n && strchr("\r\n ", text[n - 1]))
		text[--n] = '\0';
	const char *line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' && *c != '\n')
			*c = '?';
	return xasprintf("%.300s", str_has_prefix(line, "gpg: ") ? line + strlen("gpg: ") : line);
}

/* env: the user's, of whose gpg an agent may stay behind; NULL: a clean and bounded one.
 * *ret_status: gpg's exit status. */
static int run_gpg(const struct run *r, const struct strv *args, const char *const *env,
	int *ret_status, struct err *err)
{
	AUTO_FREE char *file = proc_find("gpg");
	pid_t pid;
	int status;
	if (!file)
		return err_set(err, ERR_NOT_FOUND,
			"signatures need the program 'gpg', which is not installed (package "
			"gnupg)");
	struct proc_opts o = {.env = env,
		.in = r->in,
		.out = r->out,
		.errfd = r->messages,
		.keep_fd = r->status,
		.max_file = env ? 0 : FILE_MAX};
	if (proc_spawn(file, (const char *const *)strv_argv(args), &o, &pid, err) < 0)
		return err->code;
	if (proc_wait(pid, &status) < 0)
		return err_sys(err, "cannot wait for gpg");
	*ret_status = proc_status(status);
	return 0;
}

static void common_args(struct strv *args)
{
	static const char *const words[] = {"gpg", "--batch", "--no-tty", "--status-fd", "3"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		strv_add(args, words[i]);
}

int gpg_sign(const char *key, const char *text, size_t n, struct buf *ret, struct err *err)
{
	AUTO_RUN struct run r = RUN_INIT;
	AUTO_STRV struct strv args = STRV_INIT;
	AUTO_FREE char *out = NULL;
	size_t len;
	int status = -1;
	if (!*key || *key == '-')
		return err_set(err, ERR_INVALID, "'%s' is no key to sign with", key);
	common_args(&args);
	static const char *const words[] = {"--sign", "--output", "-", "--local-user"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		strv_add(&args, words[i]);
	strv_add(&args, key);
	/* the user's own gpg: it finds keys, agent and terminal by the environment */
	if (run_open(&r, text, n, err) < 0 ||
		run_gpg(&r, &args, (const char *const *)environ, &status, err) < 0)
		return err->code;
	if (status != 0) {
		AUTO_FREE char *why = last_message(&r);
		return err_set(err, ERR_DENIED, "cannot sign with the key '%s': %s", key, why);
	}
	if (read_back(r.out, "signature", ret->max, &out, &len, err) < 0)
		return err->code;
	buf_add(ret, out, len);
	return 0;
}

/* --- verification --- */

int gpg_keyring_make(struct store *s, struct txn *t, struct gpg_keyring *ret, struct err *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_FD int fd = -1;
	int r = txn_mkdir(t, "keys", &name, &fd, err);
	if (r < 0)
		return r;
	if (fchmod(fd, 0700) < 0)
		return err_sys(err, "cannot make a keyring");
	ret->dir = xasprintf("%s/tmp/%s/%s", store_path(s), txn_id(t), name);
	return 0;
}

void gpg_keyring_done(struct gpg_keyring *k)
{
	mem_free_p(&k->dir);
}

/* Nothing of the user's: no options, no agent, no network, no trust but being in the keyring. */
static void private_args(const struct gpg_keyring *k, struct strv *args)
{
	static const char *const words[] = {"--no-options", "--no-autostart", "--disable-dirmngr",
		"--no-auto-key-retrieve", "--no-auto-check-trustdb", "--trust-model", "always",
		"--homedir"};
	common_args(args);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		strv_add(args, words[i]);
	strv_add(args, k->dir);
}

int gpg_keyring_add(
	const struct gpg_keyring *k, const char *keys, size_t n, const char *what, struct err *err)
{
	AUTO_RUN struct run r = RUN_INIT;
	AUTO_STRV struct strv args = STRV_INIT;
	AUTO_FREE char *lines = NULL;
	size_t len;
	int status = -1;
	private_args(k, &args);
	strv_add(&args, "--import");
	if (run_open(&r, keys, n, err) < 0 || run_gpg(&r, &args, NULL, &status, err) < 0 ||
		read_back(r.status, "status of gpg", STATUS_MAX, &lines, &len, err) < 0)
		return err->code;
	if (status != 0 || !strstr(lines, STATUS "IMPORT_OK ")) {
		AUTO_FREE char *why = last_message(&r);
		return err_set(err, ERR_INVALID, "%s: no public keys: %s", what, why);
	}
	return 0;
}

int gpg_check_status(char *lines, struct err *err)
{
	static const char *const once[] = {"NEWSIG", "GOODSIG", "VALIDSIG", "PLAINTEXT"};
	static const char *const bad[] = {"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG",
		"NODATA", "FAILURE", "ENC_TO", "BEGIN_DECRYPTION"};
	unsigned seen[ARRAY_LEN(once)] = {0};
	char *rest = NULL;
	for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!str_has_prefix(line, STATUS))
			return err_set(err, ERR_DENIED, "gpg says what is not understood");
		char *word = line + strlen(STATUS);
		word[strcspn(word, " ")] = '\0';
		for (size_t i = 0; i < ARRAY_LEN(bad); i++)
			if (streq(word, bad[i]))
				return err_set(err, ERR_DENIED, "gpg says %s", word);
		for (size_t i = 0; i < ARRAY_LEN(once); i++)
			seen[i] += streq(word, once[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(once); i++)
		if (seen[i] != 1)
			return err_set(err, ERR_DENIED, "gpg says %s %u times", once[i], seen[i]);
	return 0;
}

int gpg_verify(const struct gpg_keyring *k, const char *message, size_t n, struct buf *ret,
	struct err *err)
{
	AUTO_RUN struct run r = RUN_INIT;
	AUTO_STRV struct strv args = STRV_INIT;
	AUTO_FREE char *lines = NULL, *text = NULL;
	size_t len;
	int status = -1;
	private_args(k, &args);
	strv_add(&args, "--output");
	strv_add(&args, "-");
	strv_add(&args, "--decrypt"); /* which gives the text, and checks who signed it */
	if (run_open(&r, message, n, err) < 0 || run_gpg(&r, &args, NULL, &status, err) < 0 ||
		read_back(r.status, "status of gpg", STATUS_MAX, &lines, &len, err) < 0 ||
		gpg_check_status(lines, err) < 0)
		return err->code;
	if (status != 0)
		return err_set(err, ERR_DENIED, "gpg ended with status %d", status);
	if (read_back(r.out, "signed text", ret->max, &text, &len, err) < 0)
		return err->code;
	buf_add(ret, text, len);
	return 0;
}
