# shellcheck shell=bash
# Things that take long are built once and kept outside the tree.

# cached KIND RECIPE BUILDER: sets CACHED to the directory that BUILDER filled
# (called with its path). The directory's name holds the RECIPE's hash, so a
# changed recipe builds anew; it gets that name only when it is whole, so an
# interrupted build is never taken for a finished one; a lock keeps two builds
# of one kind apart.
cached() {
	local kind=$1 recipe=$2 builder=$3 key building status
	key=$(printf '%s' "$recipe" | sha256sum | cut -c1-12)
	CACHED=$CACHE/$kind-$key
	[ -d "$CACHED" ] && return 0

	mkdir -p "$CACHE"
	exec 8>"$CACHE/.$kind.lock"
	if ! flock -n 8; then
		say "waiting: somebody else builds the $kind"
		flock 8
	fi
	if [ ! -d "$CACHED" ]; then
		# Only the holder of the lock builds, so these are interrupted ones.
		rm -rf "$CACHE/.building-$kind-"*
		building=$(mktemp -d "$CACHE/.building-$kind-XXXXXX")
		chmod 755 "$building"
		# A condition around the builder would switch its "set -e" off, and its
		# children must not hold the lock after it has died.
		set +e
		(
			set -e
			exec 8>&-
			"$builder" "$building"
		) >"$CACHE/$kind.log" 2>&1
		status=$?
		set -e
		if [ $status != 0 ]; then
			tail -n 20 "$CACHE/$kind.log" >&3
			die "$kind could not be built: the end of $CACHE/$kind.log is above; running it again goes on from there"
		fi
		mv -T "$building" "$CACHED"
	fi
	exec 8>&-
}
