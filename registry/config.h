/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where images really come from: registries.conf version 2 with its drop-in directory
 * (containers-registries.conf(5)), and the certificates of certs.d (containers-certs.d(5)). Reading
 * it never asks the network.
 */
#pragma once
#include "base/map.h"
#include "base/strv.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct reference;

enum pull_from { PULL_FROM_ALL, PULL_FROM_DIGEST_ONLY, PULL_FROM_TAG_ONLY };
enum short_name_mode { SHORT_NAMES_PERMISSIVE, SHORT_NAMES_ENFORCING, SHORT_NAMES_DISABLED };

struct mirror {
	char *location; /* host[:port][/path] */
	bool insecure;
	enum pull_from pull_from;
};

struct registry {
	char *prefix; /* host[:port][/path] or *.host */
	char *location; /* NULL: no rewriting */
	char *token_service; /* a host that is told its credentials, too; or NULL */
	size_t text; /* which of the files says so */
	bool insecure;
	bool blocked;
	bool mirror_by_digest_only;
	struct mirror *mirrors;
	size_t n_mirrors;
};

struct registries {
	struct registry *r;
	size_t n, n_texts;
	struct strv search; /* unqualified-search-registries */
	bool search_said; /* else the Hub is asked */
	struct strv files; /* that were read, in that order */
	struct strv helpers; /* credential-helpers, for struct credential_places */
	struct map aliases; /* short name -> full name without tag */
	enum short_name_mode short_names;
	/* $BUILD_REGISTRY_SOURCES, which OpenShift's builds set: hosts. Where something is allowed,
	 * nothing else is. */
	struct strv sources_blocked, sources_allowed, sources_insecure;
};

/* path NULL: $CONTAINERS_REGISTRIES_CONF, else the user's, else /etc/containers/registries.conf.
 * Then the drop-ins: of dir, or when that is NULL, and no file was named, of registries.conf.d of
 * both places. A missing file is an empty configuration unless it was named. */
int registries_load(const char *path, const char *dir, struct registries *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The short names that users of containers/image have chosen a registry for: they win over what is
 * there. path NULL: /var/cache/containers/short-name-aliases.conf for root, else
 * ~/.cache/containers/short-name-aliases.conf; a missing file is an empty one. */
int registries_aliases(struct registries *r, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* Adds to that file what the user has chosen. name: the short one, with a tag or without; full: the
 * other one, with a tag or digest. */
int registries_note_alias(const char *path, const char *name, const char *full, struct err *err)
	__attribute__((warn_unused_result));
/* One file's text; what is in it replaces what is in r where they meet. For registries_load and the
 * tests. */
int registries_add(struct registries *r, const char *text, size_t n, const char *what,
	struct err *err) __attribute__((warn_unused_result));
/* The text of $BUILD_REGISTRY_SOURCES; NULL and "" say nothing. For registries_load and the
 * tests. */
int registries_add_sources(struct registries *r, const char *text, struct err *err)
	__attribute__((warn_unused_result));
/* Does the configuration say that the token service is told the credentials for a registry? */
bool registries_trust(const struct registries *r, const char *registry, const char *service);
void registries_done(struct registries *r);
#define AUTO_REGISTRIES __attribute__((cleanup(registries_done)))

/* One place to ask, in the order to be tried. */
struct place {
	char *host; /* host[:port] as it is dialled; docker.io has become registry-1.docker.io */
	char *auth_host; /* host[:port] under which credentials are kept */
	char *repository;
	bool insecure; /* plain HTTP and unverified certificates are allowed */
	bool verified; /* a host the user did not name: verified whatever --tls-verify says */
};
struct places {
	struct place *p;
	size_t n;
};
enum places_for {
	PLACES_PULL, /* the mirrors first, then the location */
	PLACES_READ, /* the location alone */
	PLACES_WRITE, /* what the reference says, as containers-registries.conf(5) has it: only what
	                 is read is redirected */
};
/* ERR_DENIED when the registry is blocked, or not allowed. */
int registries_places(const struct registries *r, const struct reference *ref, enum places_for use,
	struct places *ret, struct err *err) __attribute__((warn_unused_result));
void places_done(struct places *p);
#define AUTO_PLACES __attribute__((cleanup(places_done)))

/* Several search registries, of which the user is to choose one if there is a terminal. */
bool registries_ask(const struct registries *r, const char *text);
/* What a name without a registry may stand for, best first: its alias alone, else each search
 * registry, docker.io when there is none. Full names with the tag or digest of ref, :latest by
 * default. asked: somebody will choose, so that several are no error where short-name-mode is
 * "enforcing". */
int registries_short_names(const struct registries *r, const char *text, bool asked,
	struct strv *ret, struct err *err) __attribute__((warn_unused_result));

struct certificates {
	char *ca_pem; /* all *.crt of the directory, NULL when there are none */
	struct strv ca_files; /* the paths of those */
	char *cert_file; /* client certificate and key, or NULL */
	char *key_file;
};
/* dir: --cert-dir, or NULL to look for HOST[:PORT] in the certs.d directories. */
int certificates_load(const char *dir, const char *host, struct certificates *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The directory that they are loaded from; NULL: there is none. New string. */
char *certificates_dir(const char *dir, const char *host);
/* Where the certificate of an authority for the host would be found, as a user reads it. New
 * string. */
char *certificates_ca_files(const char *dir, const char *host);
/* DOCKER_CERT_PATH's: ca.pem, cert.pem with key.pem, as far as they are there. */
int certificates_of_docker(const char *dir, struct certificates *ret, struct err *err)
	__attribute__((warn_unused_result));
void certificates_done(struct certificates *c);
