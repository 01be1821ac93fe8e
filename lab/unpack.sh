#!/bin/sh
# lab/unpack.sh PACKAGE FILE: unpacks one of Debian's packages of a daemon beside
# FILE, with the libraries that this machine lacks, and makes FILE a command that
# runs it. Nothing is installed, enabled or started, and no user is made: FILE has
# a private /etc/passwd and /etc/group in which the package's user is. For root.
set -eu
package=$1 file=$2
root=$(dirname "$file")/unpacked/$package
[ "$(id -u)" = 0 ] || {
	echo "kplb: the tests need $package: apt-get install it, or let root call make checkers" >&2
	exit 1
}
rm -rf "$root" && mkdir -p "$root/archives/partial"
fetch() {
	apt-get -qq -y -o APT::Sandbox::User=root -o Dir::Cache::archives="$root/archives" \
		--no-install-recommends --download-only install "$package"
}
fetch || { apt-get update -qq && fetch; }
for archive in "$root"/archives/*.deb; do dpkg-deb -x "$archive" "$root"; done
rm -r "$root/archives"
for table in passwd group; do
	cp "/etc/$table" "$root/etc/$table"
	case $table in passwd) rest=/nonexistent:/usr/sbin/nologin ;; group) rest= ;; esac
	grep -q "^$package:" "$root/etc/$table" ||
		echo "$package:x:64111:$([ $table = group ] || echo "64111::$rest")" >>"$root/etc/$table"
done
libraries=$(find "$root" -name '*.so*' -exec dirname {} + | sort -u | paste -sd :)
cat >"$file.new" <<COMMAND
#!/bin/sh
LD_LIBRARY_PATH=$libraries exec unshare --mount sh -c 'mount --bind $root/etc/passwd /etc/passwd && mount --bind $root/etc/group /etc/group && exec $root/usr/sbin/$package "\$@"' $package "\$@"
COMMAND
chmod +x "$file.new" && mv "$file.new" "$file"
