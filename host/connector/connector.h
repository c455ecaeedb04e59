/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connector: a process beside the worker that connects to servers, since the worker has no network. Plugins
 * declare which of the operator's variables name servers (declared.h); the connector connects to these and to no
 * others, and hands the connections over (transport/connector.h). It neither reads from them nor writes to them.
 *
 * Each VM has a connector of its own, if one of its plugins declares servers and the operator names some.
 */
#ifndef HOST_CONNECTOR_H
#define HOST_CONNECTOR_H

#define CONNECTOR_MAX_SERVERS 64

/**
 * connector_start() - starts a connector for the servers that plugins declare
 * @variable: receives the variable with a bad URL, to be freed by the caller, or NULL
 * @why:      receives what is wrong with it, as the end of a sentence, or NULL
 *
 * The calling process must have one thread. Return: a socket for plugins, in other processes; the connector ends
 * when nobody has it any more. -ENOENT: nothing is declared, or the operator names no server. -EINVAL: a URL is bad.
 * Or another negative errno value.
 */
int connector_start(const char **variable, const char **why);

#endif
