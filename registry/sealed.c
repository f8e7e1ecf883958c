/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/sealed.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/strv.h"
#include "base/tmp.h"
#include "image/docker_schema2.h"
#include "image/media_type.h"
#include "registry/remote.h"
#include "registry/source.h"
#include "store/blobs.h"

#define SUFFIX "+encrypted"
#define ANNOTATIONS "org.opencontainers.image.enc."
#define ANNOTATION_JWE ANNOTATIONS "keys.jwe"
#define ANNOTATION_OPTIONS ANNOTATIONS "pubopts"
#define KEY_MAX (64 * KIB)
#define CONTROL_MAX (64 * MIB)

/* --- the other process --- */

void sealing_cancel(struct sealing *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		(void)proc_wait(s->pid, NULL);
	}
	mem_close_p(&s->control);
	s->pid = 0;
}
#define AUTO_SEALING __attribute__((cleanup(sealing_cancel)))

static int sealing_start(const char *what, const struct json *request, int in, int out,
	struct sealing *ret, struct err *err)
{
	AUTO_FREE char *file = remote_program(), *text = json_dump(request, 0);
	AUTO_FD int control = memfd_create("sealing", MFD_CLOEXEC);
	if (control < 0 || fs_write_all(control, text, strlen(text)) < 0 ||
		lseek(control, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot make a memory file");
	const char *argv[] = {"mica-remote", what, NULL};
	struct proc_opts o = {.in = in, .out = out, .errfd = STDERR_FILENO, .keep_fd = control};
	int r = proc_spawn(file, argv, &o, &ret->pid, err);
	if (r == 0)
		ret->control = take_fd(&control);
	return r;
}

int sealing_finish(struct sealing *s, struct json **ret_reply, struct err *err)
{
	AUTO_JSON struct json *reply = NULL;
	AUTO_FREE char *text = NULL;
	size_t n;
	int status, r = 0;
	pid_t pid = s->pid;
	s->pid = 0;
	if (proc_wait(pid, &status) < 0 || lseek(s->control, 0, SEEK_SET) < 0)
		r = err_sys(err, "cannot wait for mica-remote");
	if (r == 0)
		r = fs_read_fd(s->control, "reply", CONTROL_MAX, &text, &n, err);
	mem_close_p(&s->control);
	if (r == 0)
		r = json_parse(text, n, "the reply of mica-remote", &reply, err);
	if (r < 0)
		return r;
	const struct json *e = json_get(reply, "error");
	int64_t code = json_int(json_get(e, "code"));
	const char *message = json_text(json_get(e, "message"));
	if (e)
		return err_set(err, code > ERR_SYS || code < ERR_CANCELLED ? ERR_SYS : (int)code,
			"%s", message ? message : "failed");
	if (proc_status(status) != 0)
		return err_set(
			err, ERR_SYS, "mica-remote ended with status %d", proc_status(status));
	if (ret_reply)
		*ret_reply = take(reply);
	return 0;
}

static int sealing_run(const char *what, const struct json *request, int in, int out,
	struct json **ret_reply, struct err *err)
{
	AUTO_SEALING struct sealing s = SEALING_INIT;
	int r = sealing_start(what, request, in, out, &s, err);
	return r < 0 ? r : sealing_finish(&s, ret_reply, err);
}

/* --- keys --- */

static int add_key(struct json *keys, const char *file, const char *password, struct err *err)
{
	AUTO_FREE char *pem = NULL;
	size_t n;
	if (fs_read_file(AT_FDCWD, file, KEY_MAX, &pem, &n, err) < 0)
		return err->code;
	struct json *o = json_new_object();
	json_set_string(o, "name", file);
	json_set_string(o, "pem", pem);
	json_set_string(o, "password", password);
	json_add(keys, o);
	return 0;
}

/* What follows the file: PASSWORD, pass=PASSWORD, file=FILE or fd=N, as skopeo has them. *ret: new
 * string. */
static int get_password(const char *text, char **ret, struct err *err)
{
	size_t n;
	int64_t fd;
	int r = 0;
	if (str_has_prefix(text, "pass="))
		*ret = xstrdup(text + strlen("pass="));
	else if (str_has_prefix(text, "file="))
		r = fs_read_file(AT_FDCWD, text + strlen("file="), KEY_MAX, ret, &n, err);
	else if (!str_has_prefix(text, "fd="))
		*ret = xstrdup(text);
	else if (num_i64(text + strlen("fd="), 0, 1 << 20, &fd))
		r = fs_read_fd((int)fd, text, KEY_MAX, ret, &n, err);
	else
		r = err_set(err, ERR_INVALID, "'%s' names no descriptor", text);
	return r;
}

static int private_keys(const struct strv *words, struct json *ret, struct err *err)
{
	STRV_FOREACH (word, words) {
		AUTO_FREE char *file = xstrdup(*word), *password = NULL;
		char *colon = strchr(file, ':');
		int r = 0;
		if (str_has_prefix(file, "provider:") || str_has_prefix(file, "pkcs11:"))
			return err_set(err, ERR_UNSUPPORTED,
				"option '--decryption-key': '%s' is not supported, only files",
				*word);
		if (colon) {
			*colon = '\0';
			r = get_password(colon + 1, &password, err);
		}
		if (r == 0)
			r = add_key(ret, file, password, err);
		if (r < 0)
			return err_wrap(err, "option '--decryption-key'");
	}
	return 0;
}

static int public_keys(const struct strv *words, struct json *ret, struct err *err)
{
	STRV_FOREACH (word, words) {
		if (!str_has_prefix(*word, "jwe:"))
			return err_set(err, ERR_UNSUPPORTED,
				"option '--encryption-key': '%s' is not supported, only 'jwe:FILE' "
				"with "
				"a public key",
				*word);
		if (add_key(ret, *word + strlen("jwe:"), NULL, err) < 0)
			return err_wrap(err, "option '--encryption-key'");
	}
	return 0;
}

/* --- back to what it was --- */

void sealed_layers_done(struct sealed_layers *l)
{
	for (size_t i = 0; i < l->n; i++) {
		descriptor_done(&l->s[i].from);
		json_free(l->s[i].key);
	}
	free(l->s);
	*l = (struct sealed_layers){0};
}

bool layer_is_sealed(const struct descriptor *d)
{
	return d->media_type && str_has_suffix(d->media_type, SUFFIX);
}

const struct descriptor *manifest_sealed_layer(const struct manifest *m)
{
	for (size_t i = 0; i < m->n_layers; i++)
		if (layer_is_sealed(&m->layers[i]))
			return &m->layers[i];
	return NULL;
}

/* Without what tells of the encryption. */
static void drop_annotations(struct map *m)
{
	for (size_t i = m->n; i-- > 0;)
		if (str_has_prefix(m->e[i].key, ANNOTATIONS)) {
			AUTO_FREE char *key = xstrdup(m->e[i].key);
			(void)map_remove(m, key);
		}
}

static struct json *unwrap_request(const struct manifest *m, struct err *err)
{
	AUTO_JSON struct json *request = json_new_object();
	struct json *layers = json_new_array();
	char text[DIGEST_STR_MAX];
	json_set(request, "layers", layers);
	json_set(request, "keys", json_new_array());
	for (size_t i = 0; i < m->n_layers; i++) {
		const struct descriptor *d = &m->layers[i];
		if (!layer_is_sealed(d))
			continue;
		const char *jwe = map_get(&d->annotations, ANNOTATION_JWE);
		if (!jwe) {
			(void)err_set(err, ERR_UNSUPPORTED,
				"layer %s is encrypted, and has no keys that are known here (JWE)",
				digest_str(&d->digest, text));
			return NULL;
		}
		struct json *o = json_new_object();
		json_set_string(o, "name", digest_str(&d->digest, text));
		json_set_string(o, "jwe", jwe);
		json_set_string(o, "options", map_get(&d->annotations, ANNOTATION_OPTIONS));
		json_add(layers, o);
	}
	return take(request);
}

/* The layer's own digest is in its key; its size is the same. */
static int unseal(struct descriptor *d, struct json *key, struct sealed *ret, struct err *err)
{
	char text[DIGEST_STR_MAX];
	const char *digest = json_text(json_get(key, "digest"));
	struct digest plain;
	if (!digest)
		return err_set(err, ERR_INVALID, "its key does not say what is encrypted");
	if (digest_parse(digest, &plain, err) < 0)
		return err->code;
	descriptor_copy(&ret->from, d);
	ret->key = json_ref(key);
	json_set_string(ret->key, "from", digest_str(&d->digest, text));
	json_set_int(ret->key, "size", (int64_t)d->size);
	d->digest = plain;
	d->media_type[strlen(d->media_type) - strlen(SUFFIX)] = '\0';
	drop_annotations(&d->annotations);
	if (media_kind(d->media_type) != MEDIA_LAYER)
		return err_set(err, ERR_UNSUPPORTED, "'%s' is no layer", d->media_type);
	return 0;
}

int manifest_unseal(
	struct manifest *m, const struct strv *keys, struct sealed_layers *ret, struct err *err)
{
	AUTO_JSON struct json *request = unwrap_request(m, err);
	AUTO_JSON struct json *reply = NULL;
	char text[DIGEST_STR_MAX];
	size_t next = 0;
	if (!request || private_keys(keys, json_get(request, "keys"), err) < 0 ||
		sealing_run("unwrap", request, -1, -1, &reply, err) < 0)
		return err->code;
	const struct json *layers = json_get(reply, "layers");
	ret->s = xcalloc(m->n_layers, sizeof(*ret->s));
	ret->n = m->n_layers;
	for (size_t i = 0; i < m->n_layers; i++) {
		struct descriptor *d = &m->layers[i];
		struct json *key = layer_is_sealed(d) ? json_at(layers, next++) : NULL;
		if (!layer_is_sealed(d))
			continue;
		if (!key)
			return err_set(err, ERR_SYS, "mica-remote gave too few keys");
		const struct digest sealed = d->digest;
		if (unseal(d, key, &ret->s[i], err) < 0)
			return err_wrap(err, "decrypting layer %s", digest_str(&sealed, text));
	}
	return 0;
}

int sealed_open(const struct sealed *l, int *fd, struct sealing *ret, struct err *err)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	int r = sealing_start("decrypt", l->key, *fd, p[1], ret, err);
	close(p[1]);
	close(*fd);
	*fd = p[0];
	return r;
}

/* --- forth --- */

/* *ret: whether each is to be encrypted. */
static int choose_layers(const struct strv *words, size_t n, bool **ret, struct err *err)
{
	AUTO_FREE bool *chosen = xcalloc(n + 1, sizeof(*chosen));
	for (size_t i = 0; i < n; i++)
		chosen[i] = !words->n;
	STRV_FOREACH (word, words) {
		int64_t i;
		if (!num_i64(*word, -(int64_t)n, (int64_t)n - 1, &i))
			return err_set(err, ERR_INVALID,
				"option '--encrypt-layer': '%s' is no layer of the image, which "
				"has %zu",
				*word, n);
		chosen[i < 0 ? (size_t)((int64_t)n + i) : (size_t)i] = true;
	}
	*ret = take(chosen);
	return 0;
}

/* Only encrypted bytes are written. *ret_key: of the layer. */
static int seal_blob(struct store *s, struct descriptor *d, struct json **ret_key, struct err *err)
{
	AUTO_TMP struct tmp tmp = TMP_INIT;
	AUTO_JSON struct json *request = json_new_object(), *reply = NULL;
	AUTO_FD int fd = -1;
	char text[DIGEST_STR_MAX];
	struct digest sealed;
	int r = blob_open(s, &d->digest, &fd, err);
	if (r == 0)
		r = blob_begin(s, &tmp, err);
	if (r == 0)
		r = sealing_run("encrypt", request, fd, tmp.fd, &reply, err);
	if (r < 0)
		return r;
	const char *to = json_text(json_get(reply, "to"));
	struct json *key = json_get(reply, "key");
	if (!to || !key || json_int(json_get(reply, "size")) != (int64_t)d->size)
		return err_set(err, ERR_CORRUPT, "the blob in the store has another size");
	if (digest_parse(to, &sealed, err) < 0 || blob_commit(s, &tmp, &sealed, err) < 0)
		return err->code;
	json_set_string(key, "digest", digest_str(&d->digest, text));
	*ret_key = json_ref(key);
	d->digest = sealed;
	mem_replace(&d->media_type, xasprintf("%s" SUFFIX, d->media_type));
	return 0;
}

static int seal_blobs(struct store *s, struct manifest *m, const bool *chosen, struct json *request,
	struct err *err)
{
	struct json *keys = json_new_array();
	char text[DIGEST_STR_MAX];
	json_set(request, "layers", keys);
	for (size_t i = 0; i < m->n_layers; i++) {
		struct json *key = NULL;
		if (!chosen[i])
			continue;
		if (layer_is_sealed(&m->layers[i]))
			return err_set(err, ERR_UNSUPPORTED, "layer %s is encrypted already",
				digest_str(&m->layers[i].digest, text));
		if (seal_blob(s, &m->layers[i], &key, err) < 0)
			return err_wrap(
				err, "encrypting layer %s", digest_str(&m->layers[i].digest, text));
		json_add(keys, key);
	}
	return 0;
}

static int annotate(
	struct manifest *m, const bool *chosen, const struct json *layers, struct err *err)
{
	for (size_t i = 0, next = 0; i < m->n_layers; i++) {
		if (!chosen[i])
			continue;
		const struct json *o = json_at(layers, next++);
		const char *jwe = json_text(json_get(o, "jwe")),
			   *options = json_text(json_get(o, "options"));
		if (!jwe || !options)
			return err_set(err, ERR_SYS, "mica-remote wrapped too few keys");
		map_set(&m->layers[i].annotations, ANNOTATION_JWE, jwe);
		map_set(&m->layers[i].annotations, ANNOTATION_OPTIONS, options);
	}
	return 0;
}

static int seal_manifest(struct store *s, struct manifest *m, const struct seal_opts *o,
	struct descriptor *ret, struct err *err)
{
	AUTO_JSON struct json *request = json_new_object(), *reply = NULL;
	AUTO_FREE bool *chosen = NULL;
	struct json *keys = json_new_array();
	struct digest digest;
	json_set(request, "keys", keys);
	if (choose_layers(o->layers, m->n_layers, &chosen, err) < 0 ||
		public_keys(o->keys, keys, err) < 0 || seal_blobs(s, m, chosen, request, err) < 0 ||
		sealing_run("wrap", request, -1, -1, &reply, err) < 0 ||
		annotate(m, chosen, json_get(reply, "layers"), err) < 0)
		return err->code;
	AUTO_FREE char *text = manifest_dump(m);
	int r = blob_put(s, text, strlen(text), &digest, err);
	if (r == 0)
		*ret = (struct descriptor){.media_type = xstrdup(m->media_type),
			.digest = digest,
			.size = strlen(text)};
	return r;
}

int image_seal(struct store *s, const struct descriptor *image, const struct seal_opts *o,
	struct descriptor *ret, struct err *err)
{
	struct manifest m, oci;
	AUTO_FREE char *text = NULL;
	size_t n;
	if (media_kind(image->media_type) == MEDIA_INDEX)
		return err_set(err, ERR_UNSUPPORTED,
			"option '--encryption-key': a list of images is not encrypted; push its "
			"images");
	int r = blob_read(s, image, MANIFEST_MAX, &text, &n, err);
	if (r == 0)
		r = manifest_parse(text, n, image->media_type, &m, err);
	if (r < 0)
		return r;
	r = manifest_to_oci(&m, &oci, err);
	manifest_done(&m);
	if (r < 0)
		return r;
	r = seal_manifest(s, &oci, o, ret, err);
	manifest_done(&oci);
	return r;
}
