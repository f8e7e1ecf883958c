/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/password.h"

#include <crypt.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#define EXIT_TROUBLE 125
#define PREFIX "$2a$10$" /* the form and the cost of Go's bcrypt */
#define SALT_DIGITS 22

/* 128 random bits in bcrypt's digits, of which the last has two. buf: of PREFIX and digits */
static int make_setting(char *buf, struct err *err)
{
	static const char digits[] =
		"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char salt[SALT_DIGITS];
	if (getrandom(salt, sizeof(salt), 0) != sizeof(salt))
		return err_sys(err, "cannot get random bytes");
	salt[SALT_DIGITS - 1] &= 0x30;
	memcpy(buf, PREFIX, sizeof(PREFIX));
	for (size_t i = 0; i < SALT_DIGITS; i++)
		buf[sizeof(PREFIX) - 1 + i] = digits[salt[i] & 0x3f];
	buf[sizeof(PREFIX) - 1 + SALT_DIGITS] = '\0';
	return 0;
}

/* *ret: of data. */
static int hash(const char *password, struct crypt_data *data, const char **ret, struct err *err)
{
	char setting[sizeof(PREFIX) + SALT_DIGITS];
	if (make_setting(setting, err) < 0)
		return err->code;
	*ret = crypt_r(password, setting, data);
	if (!*ret || strncmp(*ret, PREFIX, strlen(PREFIX)) != 0)
		return err_set(err, ERR_UNSUPPORTED, "the system's crypt(3) knows no bcrypt");
	return 0;
}

int password_main(void)
{
	char password[PASSWORD_MAX + 2];
	struct err err = ERR_INIT;
	const char *text = err.msg;
	AUTO_FREE struct crypt_data *data = xcalloc(1, sizeof(*data));
	ssize_t n = fs_read_upto(STDIN_FILENO, password, sizeof(password) - 1);
	int r = 0;
	password[n > 0 ? n : 0] = '\0';
	if (n < 0)
		r = err_sys(&err, "cannot read standard input");
	else if (n > PASSWORD_MAX || strlen(password) != (size_t)n)
		r = err_set(&err, ERR_INVALID, "a password has at most %d bytes", PASSWORD_MAX);
	else
		r = hash(password, data, &text, &err);
	explicit_bzero(password, sizeof(password));
	bool told = fs_write_all(STDOUT_FILENO, text, strlen(text)) == 0;
	return told && r == 0 ? 0 : EXIT_TROUBLE;
}
