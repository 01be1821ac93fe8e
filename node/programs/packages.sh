# Installs packages that are missing.
#   KPLB_PACKAGES  their names
#   KPLB_TOKEN     of the lock that the operator holds
#   KPLB_CHECK     1: stop after they have been fetched, before anything is changed

export DEBIAN_FRONTEND=noninteractive

# A file that is already there stays; another apt may be at work for a while.
get() {
	# shellcheck disable=SC2086 # a list of names
	said=$(apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@" $KPLB_PACKAGES 2>&1) && return 0
	for name in $KPLB_PACKAGES; do
		if command -v "$name" >/dev/null; then record touched; fi
	done
	refuse "apt-get install $KPLB_PACKAGES: $(echo "$said" | grep -E '^E(rr)?:' | tail -n 4)"
}

refuse_others
if [ "$KPLB_CHECK" = 1 ]; then
	# what cannot be updated may still be in the lists: the download tells
	apt-get -q -o DPkg::Lock::Timeout=120 update >/dev/null 2>&1
	get --download-only install
else
	get install
fi
record done
