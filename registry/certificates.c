/* SPDX-License-Identifier: Apache-2.0 */
/* certs.d: HOST[:PORT]/{*.crt, NAME.cert + NAME.key}. containers-certs.d(5). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/config.h"

#define CERTIFICATE_MAX (1 * MIB)

static int add_ca(struct buf *pem, const char *path, struct certificates *c, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, path, CERTIFICATE_MAX, &text, &n, err);
	if (r < 0)
		return r;
	buf_add(pem, text, n);
	strv_add(&c->ca_files, path);
	buf_addch(pem, '\n');
	return pem->toobig ? err_set(err, ERR_LIMIT, "certificates in '%s' are too large", path)
	                   : 0;
}

static int add_client(const char *dir, const char *name, struct certificates *c, struct err *err)
{
	AUTO_FREE char *cert = path_join(dir, name);
	AUTO_FREE char *key = xasprintf("%.*skey", (int)(strlen(cert) - strlen("cert")), cert);
	if (access(key, F_OK) < 0)
		return err_set(
			err, ERR_INVALID, "client certificate '%s' has no key '%s'", cert, key);
	if (access(key, R_OK) < 0)
		return err_sys(err, "cannot read the client key '%s'", key);
	if (!c->cert_file) {
		c->cert_file = take(cert);
		c->key_file = take(key);
	}
	return 0;
}

/* As the other way round: half a pair is a mistake. */
static int check_key(const char *dir, const char *name, struct err *err)
{
	AUTO_FREE char *key = path_join(dir, name);
	AUTO_FREE char *cert = xasprintf("%.*scert", (int)(strlen(key) - strlen("key")), key);
	return access(cert, F_OK) < 0
	               ? err_set(err, ERR_INVALID, "client key '%s' has no certificate '%s'", key,
				 cert)
	               : 0;
}

static int read_directory(const char *dir, struct certificates *ret, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	DIR *d = opendir(dir);
	if (!d)
		return err_sys(err, "cannot read certificates in '%s'", dir);
	for (struct dirent *e; (e = readdir(d));)
		strv_add(&names, e->d_name);
	closedir(d);
	strv_sort(&names);
	AUTO_BUF struct buf pem = BUF_INIT(CERTIFICATE_MAX);
	int r = 0;
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = path_join(dir, *name);
		if (str_has_suffix(*name, ".crt"))
			r = add_ca(&pem, path, ret, err);
		else if (str_has_suffix(*name, ".cert"))
			r = add_client(dir, *name, ret, err);
		else if (str_has_suffix(*name, ".key"))
			r = check_key(dir, *name, err);
		if (r < 0)
			return r;
	}
	if (pem.len)
		ret->ca_pem = xstrdup(buf_str(&pem));
	return 0;
}

/* The user's, NULL: there is none. New string. */
static char *users_dir(const char *host)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (xdg && *xdg == '/')
		return xasprintf("%s/containers/certs.d/%s", xdg, host);
	if (home && *home == '/')
		return xasprintf("%s/.config/containers/certs.d/%s", home, host);
	return NULL;
}

char *certificates_dir(const char *dir, const char *host)
{
	AUTO_STRV struct strv dirs = STRV_INIT;
	AUTO_FREE char *own = users_dir(host);
	if (dir)
		return xstrdup(dir);
	if (own)
		strv_add(&dirs, own);
	strv_addf(&dirs, "/etc/containers/certs.d/%s", host);
	strv_addf(&dirs, "/etc/docker/certs.d/%s", host);
	STRV_FOREACH (d, &dirs)
		if (access(*d, X_OK) == 0)
			return xstrdup(*d);
	return NULL;
}

char *certificates_ca_files(const char *dir, const char *host)
{
	AUTO_FREE char *found = certificates_dir(dir, host), *own = users_dir(host);
	/* of several directories only the first that is there is read */
	if (found)
		return xasprintf("%s/ca.crt", found);
	return xasprintf("/etc/containers/certs.d/%s/ca.crt%s%s%s", host, own ? " or " : "",
		own ? own : "", own ? "/ca.crt" : "");
}

int certificates_load(const char *dir, const char *host, struct certificates *ret, struct err *err)
{
	struct certificates c = {0};
	AUTO_FREE char *found = certificates_dir(dir, host);
	if (found && read_directory(found, &c, err) < 0) {
		certificates_done(&c);
		return err->code;
	}
	*ret = c;
	return 0;
}

int certificates_of_docker(const char *dir, struct certificates *ret, struct err *err)
{
	AUTO_BUF struct buf pem = BUF_INIT(CERTIFICATE_MAX);
	AUTO_FREE char *ca = path_join(dir, "ca.pem"), *cert = path_join(dir, "cert.pem"),
		       *key = path_join(dir, "key.pem");
	struct certificates c = {0};
	if (access(ca, F_OK) == 0) {
		int r = add_ca(&pem, ca, &c, err);
		if (r < 0) {
			certificates_done(&c);
			return r;
		}
		c.ca_pem = xstrdup(buf_str(&pem));
	}
	if (access(cert, F_OK) == 0 && access(key, F_OK) == 0) {
		c.cert_file = take(cert);
		c.key_file = take(key);
	}
	*ret = c;
	return 0;
}

void certificates_done(struct certificates *c)
{
	free(c->ca_pem);
	strv_done(&c->ca_files);
	free(c->cert_file);
	free(c->key_file);
	*c = (struct certificates){0};
}
