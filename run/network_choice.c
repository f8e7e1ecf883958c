/* SPDX-License-Identifier: Apache-2.0 */
#include "run/network_choice.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

#define MTU_MAX 65521 /* slirp4netns(1) */
#define PREFIX_MAX 25 /* of its network: it has addresses up to the hundredth */

static bool is_address(int family, const char *s)
{
	struct in6_addr any; /* room for both families */
	return inet_pton(family, s, &any) == 1;
}

/* Words of pasta(1), and --map-gw, which is the opposite of a word that it is given. */
static int parse_pasta(const struct strv *words, struct network_choice *c, struct err *err)
{
	static const char forward[] = "--dns-forward";
	bool forwards = false; /* that was the word before */

	STRV_FOREACH (w, words) {
		const char *word = *w, *address = forwards ? word : NULL;
		if (streq(word, "--map-gw")) {
			c->gateway = true;
			continue;
		}
		strv_add(&c->options, word);
		if (str_has_prefix(word, "--dns-forward="))
			address = word + strlen(forward) + 1;
		forwards = !forwards && streq(word, forward);
		if (!address)
			continue;
		if (!is_address(AF_INET, address) && !is_address(AF_INET6, address))
			return err_set(err, ERR_INVALID, "pasta: %s: '%s' is no IP address",
				forward, address);
		(void)snprintf(c->dns, sizeof(c->dns), "%s", address);
	}
	return 0;
}

/* The network's second address is the host's, its third answers DNS questions. */
static int set_cidr(struct network_choice *c, const char *cidr, struct err *err)
{
	const char *slash = strchr(cidr, '/');
	AUTO_FREE char *first = slash ? xstrndup(cidr, (size_t)(slash - cidr)) : xstrdup(cidr);
	struct in_addr base, at;
	uint64_t bits;

	if (!slash || !num_u64(slash + 1, PREFIX_MAX, &bits) || bits == 0 ||
		inet_pton(AF_INET, first, &base) != 1)
		return err_set(err, ERR_INVALID,
			"slirp4netns: cidr: '%s' is no network such as 10.0.2.0/24, of at most /%d",
			cidr, PREFIX_MAX);
	uint32_t network = ntohl(base.s_addr) & (UINT32_MAX << (32 - bits));
	at.s_addr = htonl(network + 2);
	inet_ntop(AF_INET, &at, c->host, sizeof(c->host));
	at.s_addr = htonl(network + 3);
	inet_ntop(AF_INET, &at, c->dns, sizeof(c->dns));
	strv_addf(&c->options, "--cidr=%s", cidr);
	return 0;
}

static int parse_slirp_word(
	struct network_choice *c, const char *name, const char *value, struct err *err)
{
	bool on;
	uint64_t mtu;

	if (streq(name, "cidr"))
		return set_cidr(c, value, err);
	if (streq(name, "mtu") && num_u64(value, MTU_MAX, &mtu)) {
		strv_addf(&c->options, "--mtu=%s", value);
	} else if (streq(name, "allow_host_loopback") && num_bool(value, &on)) {
		c->gateway = on;
	} else if (streq(name, "enable_ipv6") && num_bool(value, &on)) {
		if (on)
			strv_add(&c->options, "--enable-ipv6");
	} else if (streq(name, "outbound_addr")) {
		strv_addf(&c->options, "--outbound-addr=%s", value);
	} else if (streq(name, "outbound_addr6")) {
		strv_addf(&c->options, "--outbound-addr6=%s", value);
	} else {
		return err_set(err, ERR_INVALID,
			"slirp4netns: '%s=%s' is not one of allow_host_loopback=true|false, "
			"mtu=NUMBER, cidr=NETWORK, enable_ipv6=true|false, outbound_addr=ADDRESS, "
			"outbound_addr6=ADDRESS",
			name, value);
	}
	return 0;
}

static int parse_slirp(const struct strv *words, struct network_choice *c, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->n; i++) {
		const char *eq = strchr(words->v[i], '=');
		AUTO_FREE char *name = eq ? xstrndup(words->v[i], (size_t)(eq - words->v[i]))
		                          : xstrdup(words->v[i]);
		r = parse_slirp_word(c, name, eq ? eq + 1 : "", err);
	}
	return r;
}

int network_choice_parse(
	const char *text, struct network_choice *ret, bool *ret_is, struct err *err)
{
	static const struct {
		const char *name;
		int (*parse)(const struct strv *words, struct network_choice *c, struct err *err);
	} helpers[] = {{"pasta", parse_pasta}, {"slirp4netns", parse_slirp}};
	AUTO_STRV struct strv words = STRV_INIT;

	*ret_is = false;
	for (size_t i = 0; i < ARRAY_LEN(helpers); i++) {
		size_t n = strlen(helpers[i].name);
		if (strncmp(text, helpers[i].name, n) != 0 || (text[n] && text[n] != ':'))
			continue;
		*ret_is = true;
		ret->helper = helpers[i].name;
		if (text[n])
			strv_split(&words, text + n + 1, ',');
		return helpers[i].parse(&words, ret, err);
	}
	return 0;
}

bool network_choice_has(
	const struct network_choice *c, const char *short_name, const char *long_name)
{
	size_t n = strlen(long_name);

	STRV_FOREACH (word, &c->options)
		if (streq(*word, short_name) ||
			(strncmp(*word, long_name, n) == 0 && (!(*word)[n] || (*word)[n] == '=')))
			return true;
	return false;
}

void network_choice_done(struct network_choice *c)
{
	strv_done(&c->options);
}
