/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a server is that a plugin asks, as the operator writes it: "https://host:8443/path". In one place, as the
 * process that connects and the plugin that speaks have to mean the same server.
 */
#ifndef TRANSPORT_SERVER_URL_H
#define TRANSPORT_SERVER_URL_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SERVER_HOST_SIZE 256
#define SERVER_PORT_SIZE 6

/* Between several of them in a variable */
#define SERVER_URL_SEPARATORS ", \t\n"

struct server_url {
	bool tls;
	char host[SERVER_HOST_SIZE]; /* a name, or an address, without brackets */
	char port[SERVER_PORT_SIZE];
	const char *path; /* the rest of the text, without slashes at its end */
	size_t path_len;
};

/* Takes the host, which may be an IPv6 address in brackets. Return: what follows, NULL: it is none. */
static inline const char *server_url_host(const char *at, struct server_url *url)
{
	bool brackets = *at == '[';
	const char *end = brackets ? strchr(at, ']') : at + strcspn(at, ":/?#");
	size_t len = end ? (size_t)(end - at) - brackets : 0;

	if (!len || len >= sizeof(url->host))
		return NULL;
	memcpy(url->host, at + brackets, len);
	url->host[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		char c = url->host[i];

		if (brackets ? !isxdigit((unsigned char)c) && c != ':' && c != '.' :
			       !isalnum((unsigned char)c) && c != '-' && c != '.' && c != '_')
			return NULL;
	}
	return end + brackets;
}

/**
 * server_url_parse() - takes a URL apart
 * @text: stays in use for the path
 *
 * Return: NULL, or what is wrong with it, as the end of a sentence.
 */
static inline const char *server_url_parse(const char *text, struct server_url *url)
{
	const char *at;
	long port;
	char *end;

	memset(url, 0, sizeof(*url));
	url->tls = !strncasecmp(text, "https://", 8);
	if (!url->tls && strncasecmp(text, "http://", 7))
		return "it has to begin with http:// or https://";
	at = server_url_host(text + 7 + url->tls, url);
	if (!at)
		return "the name or address of a host is missing, or has characters that none has";
	port = url->tls ? 443 : 80;
	if (*at == ':') {
		if (!isdigit((unsigned char)at[1]))
			return "the port is missing behind the colon";
		port = strtol(at + 1, &end, 10);
		at = end;
	}
	if (port < 1 || port > 65535)
		return "a port is a number from 1 to 65535";
	if (*at && *at != '/')
		return "only a path may follow the host and port";
	if (strpbrk(at, "?#@\\%"))
		return "a path has no ?, #, @, % or backslash";
	snprintf(url->port, sizeof(url->port), "%d", (int)port);
	url->path = at;
	url->path_len = strlen(at);
	while (url->path_len && at[url->path_len - 1] == '/')
		url->path_len--;
	return NULL;
}

#endif
