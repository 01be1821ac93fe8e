#!/bin/sh
# join.sh GROUP... -- CMD...: CMD in these control groups.
set -eu
while [ "$1" != -- ]; do
	echo $$ >"$1/cgroup.procs"
	shift
done
shift
exec "$@"
