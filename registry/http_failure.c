/* SPDX-License-Identifier: Apache-2.0 */
/* What a transfer that failed is called: one line for the user; what curl itself says only where it
 * adds something. */
#include "registry/http_internal.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

const char *http_host(const struct http_request *r, char *buf, size_t n)
{
	if (r->unix_socket)
		return r->unix_socket;
	const char *host = strstr(r->url, "://");
	host = host ? host + 3 : r->url;
	(void)snprintf(buf, n, "%.*s", (int)strcspn(host, "/?"), host);
	return buf;
}

/* " through HOST:PORT" when it was not the host itself that curl could not connect to, but a proxy:
 * its address in the environment may have a password. Or "". */
static const char *proxy_tried(
	const struct http_transfer *t, const char *host, char *buf, size_t size)
{
	static const char said[] = "Failed to connect to ", before_port[] = " port ";
	const char *name = t->message + strlen(said);
	*buf = '\0';
	if (t->r->unix_socket || !str_has_prefix(t->message, said))
		return buf;
	size_t n = strcspn(name, " ");
	const char *port = name + n + strlen(before_port);
	if (str_has_prefix(name + n, before_port) &&
		(strncmp(name, host, n) != 0 || (host[n] && host[n] != ':')))
		(void)snprintf(buf, size, " through %.*s:%.*s", (int)n, name,
			(int)strspn(port, "0123456789"), port);
	return buf;
}

#define LOOKUP_QUICK_US 2000000 /* what took longer waited for a server that does not answer */

/* DNS says that there is no such name, in place of nothing at all: libcurl does not tell these
 * apart. Who answered it a moment ago is asked again, so that it does not take long. */
static bool is_no_name(const struct http_transfer *t, const char *host)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	curl_off_t took = 0;
	curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &took);
	if (took > LOOKUP_QUICK_US)
		return false;
	AUTO_FREE char *name = xstrndup(host, strcspn(host, ":"));
	int r = getaddrinfo(name, NULL, &hints, &list);
	if (r == 0)
		freeaddrinfo(list);
#ifdef EAI_NODATA
	if (r == EAI_NODATA) /* there is such a name, without an address */
		return true;
#endif
	return r == EAI_NONAME;
}

/* What to do about a docker daemon's socket. */
static const char *socket_remedy(const struct http_transfer *t, long os)
{
	if (!t->r->unix_socket)
		return "";
	return os == EACCES ? "; root and members of its group, often 'docker', may use it"
	                    : "; no docker daemon listens there: start it, or set DOCKER_HOST";
}

/* The certificate may be good but for who signed it. X509_STORE_CTX_get_error(3) */
static bool is_of_nobody(CURL *easy)
{
	long why = X509_V_OK;
	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &why);
	return why == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
	       why == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
	       why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	       why == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

/* What the other side said by TLS, or what is wrong here. A connection that broke has no reason of
 * the library's but its end. */
static int tls_failure(struct http_transfer *t, CURLcode code, const char *host, struct err *err)
{
	struct http_request *r = t->r;
	const char *said = t->message[0] ? t->message : curl_easy_strerror(code);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		r->unknown_authority = is_of_nobody(t->easy);
	/* so OpenSSL says of a first record that is none */
	if (code == CURLE_SSL_CONNECT_ERROR)
		r->no_tls = strstr(said, "wrong version number");
	r->bad_authorities = code == CURLE_SSL_CACERT_BADFILE;
	r->permanent = code != CURLE_SSL_CONNECT_ERROR ||
	               (strstr(said, "SSL routines") && !strstr(said, "unexpected eof") &&
			       !strstr(said, "internal error"));
	return err_set(err, ERR_NETWORK, "cannot reach %s: TLS: %s%s", host, said,
		r->unknown_authority ? ": x509: certificate signed by unknown authority" : "");
}

/* A proxy that was reached, and does not connect us: 0 when it was something else. */
static int proxy_failure(struct http_transfer *t, CURLcode code, const char *host, struct err *err)
{
	long why = CURLPX_OK, status = 0;
	curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_PROXY_ERROR, &why);
	if (code == CURLE_PROXY) {
		t->r->permanent = why == CURLPX_USER_REJECTED || why == CURLPX_NO_AUTH;
		return err_set(err, ERR_NETWORK, "cannot reach %s: the proxy says: %s", host,
			t->message[0] ? t->message : curl_easy_strerror(code));
	}
	if (code != CURLE_RECV_ERROR || status < 300)
		return 0;
	t->r->permanent = status < 500;
	return err_set(err, ERR_NETWORK, "cannot reach %s: the proxy answered with status %ld%s",
		host, status,
		status == 407 ? ", it wants a user and a password in its address" : "");
}

int http_failure(struct http_transfer *t, CURLcode code, struct err *err)
{
	char buf[300], through[400], text[ERR_TEXT_MAX];
	long os = 0;
	const char *host = http_host(t->r, buf, sizeof(buf));
	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os);
	t->r->unreachable = true;
	switch ((int)code) {
	case CURLE_COULDNT_CONNECT:
		if (os)
			return err_set(err, ERR_NETWORK, "cannot reach %s%s: %s%s", host,
				proxy_tried(t, host, through, sizeof(through)),
				os == ECONNREFUSED ? "connection refused" : err_text((int)os, text),
				socket_remedy(t, os));
		/* what it says goes on with the address, and its password */
		t->r->permanent = str_has_prefix(t->message, "Unsupported proxy");
		if (t->r->permanent)
			return err_set(err, ERR_NETWORK,
				"cannot reach %s: the address of the proxy is of no kind that is "
				"known",
				host);
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
		t->r->permanent = is_no_name(t, host);
		return err_set(err, ERR_NETWORK,
			t->r->permanent ? "cannot reach %s: no such host: DNS does not know the "
					  "name"
					: "cannot reach %s: its name cannot be looked up: DNS does "
					  "not answer",
			host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(err, ERR_NETWORK,
			"cannot reach %s: the name of the proxy is not known (DNS)", host);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		return tls_failure(t, code, host, err);
	default:
		break;
	}
	if (proxy_failure(t, code, host, err) < 0)
		return err->code;
	if (code == CURLE_COULDNT_CONNECT && t->refused_here)
		return err_set(err, ERR_DENIED,
			"'%s', which the registry names, is on this machine, which is refused",
			host);
	/* none of a connection that was there already */
	long connections = 0;
	curl_off_t connected = 0;
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connections);
	curl_easy_getinfo(t->easy, CURLINFO_CONNECT_TIME_T, &connected);
	bool timed_out = code == CURLE_OPERATION_TIMEDOUT && !t->r->stalled;
	t->r->unreachable =
		code == CURLE_COULDNT_CONNECT || (timed_out && connections > 0 && connected == 0);
	if (t->r->unreachable)
		return err_set(err, ERR_NETWORK, "cannot reach %s: no answer", host);
	/* of TLS 1.3, which tells it after the handshake; Go's servers say so of a bad one, too */
	t->r->wants_certificate =
		strstr(t->message, "alert certificate required") ||
		(t->r->tls && !t->r->tls->cert_file && strstr(t->message, "alert bad certificate"));
	t->r->permanent = t->r->wants_certificate;
	if (t->r->wants_certificate)
		return err_set(err, ERR_NETWORK,
			"cannot reach %s: TLS: it wants a certificate of who asks", host);
	if (t->r->stalled)
		return err_set(err, ERR_NETWORK, "%s %s", host,
			http_stall_reason(t, through, sizeof(through)));
	/* libcurl asks for the other side's address, and there is none any more */
	if (strstr(t->message, "getpeername() failed"))
		return err_set(err, ERR_NETWORK,
			"transfer from %s failed: it closed the connection at once", host);
	return err_set(err, ERR_NETWORK, "transfer from %s failed: %s", host,
		t->message[0] ? t->message : curl_easy_strerror(code));
}
