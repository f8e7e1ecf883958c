/* SPDX-License-Identifier: Apache-2.0 */
/* What a credential helper says of a host, in the form of docker-credential-helpers. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "registry/credentials_internal.h"

const char *credentials_helper_key(const char *key)
{
	return streq(key, "docker.io") ? "https://index.docker.io/v1/" : key;
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void credentials_copy(struct credentials *ret, const struct credentials *from)
{
	*ret = (struct credentials){.user = copy(from->user),
		.password = copy(from->password),
		.identity_token = copy(from->identity_token),
		.of_helper = from->of_helper};
}

static int ask(const char *helper, const char *key, struct credentials *ret, struct err *err)
{
	AUTO_FREE char *output = NULL;
	int r = auth_helper_run(helper, "get", credentials_helper_key(key), &output, err);
	if (r < 0)
		return r;
	AUTO_JSON struct json *j = NULL;
	const char *user = NULL, *secret = NULL;
	if (json_parse(output, strlen(output), "answer", &j, err) < 0 ||
		json_get_string(j, "answer", "Username", &user, err) < 0 ||
		json_get_string(j, "answer", "Secret", &secret, err) < 0 || !user || !*user ||
		!secret)
		return err_set(err, ERR_AUTH,
			"docker-credential-%s gave no user name and secret for '%s'", helper, key);
	/* docker-credential-helpers: this user name marks an identity token */
	if (streq(user, "<token>"))
		*ret = (struct credentials){.identity_token = xstrdup(secret)};
	else
		*ret = (struct credentials){.user = xstrdup(user), .password = xstrdup(secret)};
	ret->of_helper = true;
	explicit_bzero(output, strlen(output));
	return 0;
}

void helper_answer_forget(struct helper_answer *a)
{
	credentials_done(&a->credentials);
	free(a->helper);
	*a = (struct helper_answer){0};
}

int credentials_ask_helper(const char *helper, const char *host, struct helper_answer *said,
	struct credentials *ret, struct err *err)
{
	if (!said)
		return ask(helper, host, ret, err);
	if (!streq_null(said->helper, helper)) {
		struct credentials c = {0};
		int r = ask(helper, host, &c, err);
		if (r < 0 && r != ERR_NOT_FOUND)
			return r;
		helper_answer_forget(said);
		*said = (struct helper_answer){
			.helper = xstrdup(helper), .none = r < 0, .credentials = c};
	}
	if (said->none)
		return err_set(err, ERR_NOT_FOUND,
			"docker-credential-%s keeps no credentials for this registry", helper);
	credentials_copy(ret, &said->credentials);
	return 0;
}
