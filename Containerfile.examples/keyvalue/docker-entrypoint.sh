#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
set -e

# `mica run keyvalue --port 7000` and `mica run keyvalue my.conf` mean the server.
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
	set -- redis-server "$@"
fi

# Started as root: give the data to the server's user and become it.
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
	find . \! -user keyvalue -exec chown keyvalue '{}' +
	exec gosu keyvalue "$0" "$@"
fi

umask 0077
exec "$@"
