/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked without a proxy. The proxies themselves are libcurl's to find: http_proxy,
 * HTTPS_PROXY, ALL_PROXY. */
#pragma once

/*
 * The value of NO_PROXY (NULL: none) in the form that libcurl takes, as other tools of containers
 * read it: names with their subdomains, ".name" and "*.name", addresses, networks as 10.0.0.0/8,
 * "*". This machine is never asked through a proxy. New string.
 */
char *proxy_exceptions(const char *no_proxy);
