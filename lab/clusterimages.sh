# shellcheck shell=bash
# What a node of a genuine cluster has more than a Debian: kubelet, kubeadm and
# kubectl in an overlay layer, and a containerd that already has the images.

# docker_archive BINARY PATH-INSIDE NAME: an image of one static binary, as
# "docker save" would write it, to stdout.
docker_archive() {
	local work layer config
	work=$(mktemp -d)
	mkdir -p "$work/root/$(dirname "$2")"
	ln "$1" "$work/root/$2" 2>/dev/null || cp "$1" "$work/root/$2"
	tar --create --file "$work/layer.tar" --directory "$work/root" --owner 0 --group 0 --mtime @0 .
	layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
	printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=%s"],"Entrypoint":["/%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
		"$(dpkg --print-architecture)" "$NODE_PATH" "$2" "$layer" >"$work/config.json"
	config=$(sha256sum "$work/config.json" | cut -d' ' -f1)
	mv "$work/config.json" "$work/$config.json"
	printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$config" "$3" >"$work/manifest.json"
	tar --create --directory "$work" "$config.json" layer.tar manifest.json
	rm -rf "$work"
}

# The images are imported once, by the containerd the nodes will run, into a
# directory that every node gets a copy of.
build_containerd() {
	local component
	say "importing the images into containerd"
	mkdir "$1/archives" "$1/containerd" "$1/upper" "$1/work" "$1/merged"
	for component in kube-apiserver kube-controller-manager kube-scheduler; do
		docker_archive "$KUBERNETES/$component" "usr/local/bin/$component" \
			"registry.k8s.io/$component:v$KUBERNETES_VERSION" >"$1/archives/$component.tar"
	done
	docker_archive "$ETCD/etcd" usr/local/bin/etcd "$ETCD_IMAGE" >"$1/archives/etcd.tar"
	docker_archive "$PAUSE/pause" pause "$PAUSE_IMAGE" >"$1/archives/pause.tar"
	# In namespaces of its own: containerd and its mounts end with the shell.
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private --pid --fork --kill-child sh -euc '
		mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged"
		cd "$2/merged"
		mount -t proc proc proc
		mount -t tmpfs tmpfs run
		mkdir -p run/archives var/lib/containerd
		mount --bind "$2/archives" run/archives
		mount --bind "$2/containerd" var/lib/containerd
		exec chroot . sh -euc "
			containerd --log-level error & server=\$!
			until ctr version >/dev/null 2>&1; do sleep 0.2; done
			for archive in /run/archives/*; do ctr -n k8s.io images import \$archive; done
			kill \$server
			wait \$server"
		' sh "$ROOT" "$1"
	rm -rf "$1/archives" "$1/upper" "$1/work" "$1/merged"
}

# What "apt-get install kubelet kubeadm kubectl" leaves on a node.
build_node_layer() {
	local system=$1/etc/systemd/system
	mkdir -p "$1/usr/bin" "$1/etc/containerd" "$system/multi-user.target.wants" "$system/kubelet.service.d" "$1/usr/local/sbin" "$1/etc/sysctl.d"
	ln "$KUBERNETES/kubeadm" "$KUBERNETES/kubelet" "$KUBERNETES/kubectl" "$ETCD/etcdctl" "$1/usr/bin/"
	install -m 644 "$LAB/kubeadm/kubelet.service" "$LAB/kubeadm/kubelet-ground.service" "$system/"
	install -m 644 "$LAB/kubeadm/10-kubeadm.conf" "$system/kubelet.service.d/"
	install -m 755 "$LAB/kubeadm/kubelet-ground" "$1/usr/local/sbin/"
	sed "s|@PAUSE@|$PAUSE_IMAGE|; s|@SYSTEMD@|$(v1_host && echo false || echo true)|" "$LAB/kubeadm/containerd.toml" >"$1/etc/containerd/config.toml"
	echo net.ipv4.ip_forward=1 >"$1/etc/sysctl.d/99-kubernetes.conf"
	ln -s /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet-ground.service \
		/lib/systemd/system/containerd.service "$system/multi-user.target.wants/"
}

# Sets NODE_LAYER and CONTAINERD besides what debian_image sets.
kubernetes_image() {
	debian_image
	kubernetes_binaries
	cached containerd "$ROOT $KUBERNETES $ETCD $PAUSE $ETCD_IMAGE $PAUSE_IMAGE $(declare -f build_containerd docker_archive)" build_containerd
	CONTAINERD=$CACHED/containerd
	cached node-layer "$KUBERNETES $ETCD $(v1_host && echo v1) $(cat "$LAB"/kubeadm/*) $(declare -f build_node_layer)" build_node_layer
	NODE_LAYER=$CACHED
}

v1_host() { [ ! -e /sys/fs/cgroup/cgroup.controllers ]; }

# copy_containerd TO: blobs and unpacked files are never written again, so hard
# links do (and share the page cache); the databases are written.
copy_containerd() {
	rm -rf "$1"
	if ! cp -a --link "$CONTAINERD" "$1" 2>/dev/null; then
		rm -rf "$1"
		cp -a --reflink=auto "$CONTAINERD" "$1"
		return
	fi
	find "$CONTAINERD" -name '*.db' -printf '%P\n' | while read -r database; do
		cp -a --remove-destination "$CONTAINERD/$database" "$1/$database"
	done
}
