# shellcheck shell=bash
# The Debian nodes are made of, as overlay layers that are never written again:
#   root      bookworm with sshd, containerd's package and what kubeadm wants
#   balancer  haproxy and keepalived, installed, disabled and stopped
#   offline   instead of balancer: those packages as an apt repository on disk

NODE_PACKAGES=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,iproute2,iputils-arping,iputils-ping,sudo,ca-certificates,procps,kmod,curl,openssl,nftables,iptables,ufw,conntrack,ethtool,socat,containerd,runc,less,python3-minimal
BALANCER_PACKAGES="haproxy keepalived"

# Runs in the new root: everything a booted machine needs and a package does
# not bring. Host keys are made by each node for itself.
prepare_root() {
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	useradd --create-home --shell /bin/bash --groups sudo pi
	echo 'pi ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/pi
	chmod 440 /etc/sudoers.d/pi
	rm -f /etc/ssh/ssh_host_* /etc/resolv.conf /etc/hostname
	: >/etc/machine-id
	: >/etc/resolv.conf
	rm -f /var/lib/dbus/machine-id
	cat >/etc/systemd/system/ssh-host-keys.service <<-'END'
		[Unit]
		Description=Make this node's own SSH host keys
		Before=ssh.service
		ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

		[Service]
		Type=oneshot
		ExecStart=/usr/bin/ssh-keygen -A

		[Install]
		WantedBy=multi-user.target
	END
	systemctl enable ssh ssh-host-keys
	systemctl disable containerd nftables ufw apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer dpkg-db-backup.timer || true
	# A console nobody looks at; a machine inside a machine cannot set the clock.
	systemctl mask console-getty.service getty.target systemd-timesyncd.service
	apt-get clean
	rm /usr/sbin/policy-rc.d
}

build_root() {
	say "building the Debian root (debootstrap, about a minute)"
	debootstrap --variant=minbase --include="${NODE_PACKAGES///}" bookworm "$1/root" "$MIRROR"
	# shellcheck disable=SC2016 # for the shell inside the root
	in_private_mounts "$1/root" chroot "$1/root" bash -c "set -eu; $(declare -f prepare_root); prepare_root"
}

# in_private_mounts ROOT CMD...: with /proc in ROOT, in a mount namespace of its
# own so that nothing stays mounted whatever happens.
in_private_mounts() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private sh -ec 'mount -t proc proc "$1/proc"; shift; exec "$@"' sh \
		"$1" env -i PATH="$NODE_PATH" HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "${@:2}"
}

# The archives with all dependencies land outside the root (bind mount), so
# that the same download serves as the offline repository.
build_balancer() {
	say "installing $BALANCER_PACKAGES into a layer of their own"
	mkdir -p "$1/layer/usr/sbin" "$1/work" "$1/merged" "$1/archives"
	printf '#!/bin/sh\nexit 101\n' >"$1/layer/usr/sbin/policy-rc.d"
	chmod 755 "$1/layer/usr/sbin/policy-rc.d"
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private env -i PATH="$NODE_PATH" LC_ALL=C DEBIAN_FRONTEND=noninteractive \
		sh -euc '
		mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/layer,workdir=$2/work" "$2/merged"
		mount -t proc proc "$2/merged/proc"
		mkdir -p "$2/merged/var/cache/apt/archives/partial"
		mount --bind "$2/archives" "$2/merged/var/cache/apt/archives"
		cat /etc/resolv.conf >"$2/resolv.conf"
		mount --bind "$2/resolv.conf" "$2/merged/etc/resolv.conf"
		chroot "$2/merged" apt-get update
		chroot "$2/merged" apt-get -o APT::Keep-Downloaded-Packages=true install -y --no-install-recommends $3
		chroot "$2/merged" systemctl disable haproxy keepalived
		' sh "$ROOT" "$1" "$BALANCER_PACKAGES"
	rm -rf "$1/work" "$1/merged" "$1/resolv.conf" "$1/layer/var/lib/apt/lists" "$1/layer/usr/sbin/policy-rc.d"
	say "making the offline repository"
	offline_repository "$1/archives" "$1/offline"
	rm -rf "$1/archives"
}

# A flat repository at /srv/apt and the sources.list that knows nothing else.
offline_repository() {
	local from=$1 layer=$2 archive
	mkdir -p "$layer/srv/apt" "$layer/etc/apt"
	for archive in "$from"/*.deb; do
		mv "$archive" "$layer/srv/apt/"
		archive=${archive##*/}
		dpkg-deb --field "$layer/srv/apt/$archive"
		printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$archive" "$(stat -c %s "$layer/srv/apt/$archive")" \
			"$(sha256sum "$layer/srv/apt/$archive" | cut -d' ' -f1)"
	done >"$from/Packages"
	mv "$from/Packages" "$layer/srv/apt/Packages"
	echo 'deb [trusted=yes] file:/srv/apt ./' >"$layer/etc/apt/sources.list"
	chmod -R a+rX "$layer"
}

# Sets ROOT, BALANCER and OFFLINE to the layers.
debian_image() {
	cached root "$NODE_PACKAGES $MIRROR $(declare -f prepare_root build_root)" build_root
	ROOT=$CACHED/root
	cached balancer "$ROOT $BALANCER_PACKAGES $(declare -f build_balancer offline_repository)" build_balancer
	BALANCER=$CACHED/layer
	OFFLINE=$CACHED/offline
}
