# Installs packages that are missing.
#   KPLB_PACKAGES  their names

export DEBIAN_FRONTEND=noninteractive
said=$(
	{ apt-get -q update || :; } 2>&1
	# a file that is already there stays; another apt may be at work for a while
	# shellcheck disable=SC2086 # a list of names
	apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold install $KPLB_PACKAGES 2>&1
) || {
	record refused "apt-get install $KPLB_PACKAGES: $(echo "$said" | grep -E '^(E|W|Err):?' | tail -n 4)"
	for name in $KPLB_PACKAGES; do
		if command -v "$name" >/dev/null; then record touched; fi
	done
	exit 1
}
record done
