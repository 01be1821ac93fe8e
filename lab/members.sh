# shellcheck shell=bash
# Control-plane nodes that come and go while the cluster runs.

# look_join NODE [ENDPOINT]: the endpoint is where kubeadm looks for the cluster
# first; it goes on at the one that cluster-info names.
look_join() {
	local node other
	need_node "${1-}"
	node=$(node_of "$1")
	need_cluster
	! in_cluster "$node" || die "$(node_name "$node") is in the cluster already; \"lab/lab leave $(node_name "$node")\" takes it out"
	other=$(other_member "$node")
	local endpoint=${2:-$(node_address "$other"):6443}
	[[ $endpoint =~ ^[A-Za-z0-9.-]+:[0-9]+$ ]] || misuse "endpoint \"$endpoint\" must look like $VIP:6443"

	say "uploading the certificates from $(node_name "$other")"
	upload_certificates "$other"
	say "kubeadm join on $(node_name "$node"), endpoint $endpoint"
	kubeadm_join "$node" "$endpoint"
	[ "$(role_of "$node")" = worker ] || cluster_wait "$node"
	say "$(node_name "$node"): in the cluster"
}

# look_leave NODE: as kubeadm has it, reset on the node and then its Node object.
# For a node that is off, etcd is told instead.
look_leave() {
	local node other member
	need_node "${1-}"
	node=$(node_of "$1")
	need_cluster
	! machine_pid "$node" >/dev/null || in_cluster "$node" || die "$(node_name "$node") is not in the cluster"
	other=$(other_member "$node")

	if machine_pid "$node" >/dev/null; then
		say "kubeadm reset on $(node_name "$node")"
		reset_node "$node"
		member=$(etcd_member "$other" "$node")
		[ -z "$member" ] || kubeadm_failed "$node" reset
	else
		say "removing $(node_name "$node"), which is off, from etcd"
		member=$(etcd_member "$other" "$node")
		[ -z "$member" ] || etcdctl_on "$other" member remove "$member" >/dev/null
	fi
	kubectl_at "$other" delete node "$(node_name "$node")" --ignore-not-found >/dev/null
	say "$(node_name "$node"): out of the cluster"
}

# One at a time: etcd takes one change of its members, and there is one upload.
need_cluster() {
	[ "$KIND" = kubernetes ] || die "lab $NAME has no cluster that a node could join or leave; \"lab/lab up --kubernetes\" makes one"
	[ -r "$STATE/kubeadm" ] || die "lab $NAME was made before nodes could join or leave; make it anew"
	# shellcheck source=/dev/null
	. "$STATE/kubeadm"
	exec 7>"$STATE/members.lock"
	flock 7
}

in_cluster() { inside "$1" test -e /etc/kubernetes/kubelet.conf; }

# other_member NODE: the first other node with an apiserver that is ready.
other_member() {
	local node
	for node in $NODES; do
		[ "$node" != "$1" ] || continue
		machine_pid "$node" >/dev/null || continue
		inside "$node" test -e /etc/kubernetes/manifests/kube-apiserver.yaml || continue
		api_ready "$node" || continue
		echo "$node" && return 0
	done
	die "no control-plane node but $(node_name "$1") is ready"
}

# What init has uploaded is deleted by the cluster after two hours.
upload_certificates() {
	own_endpoint "$1"
	kubeadm_on "$1" init phase upload-certs --upload-certs --kubeconfig /root/own.conf <<-END
		apiVersion: kubeadm.k8s.io/v1beta4
		kind: InitConfiguration
		certificateKey: $CERTIFICATE_KEY
		---
		apiVersion: kubeadm.k8s.io/v1beta4
		kind: ClusterConfiguration
		kubernetesVersion: v$KUBERNETES_VERSION
	END
	inside "$1" rm -f /root/own.conf
}

# A worker has no administrator's kubeconfig, and kubeadm does without.
reset_node() {
	own_endpoint "$1"
	inside "$1" sh -c 'kubeadm reset --force --kubeconfig /root/own.conf --cri-socket unix:///run/containerd/containerd.sock --ignore-preflight-errors=all >>/var/log/kubeadm.log 2>&1' ||
		kubeadm_failed "$1" reset
	inside "$1" rm -rf /root/own.conf /home/pi/.kube
}

# own_endpoint NODE: /root/own.conf there is admin.conf with the node's own
# apiserver, so that it does not matter who else is alive.
own_endpoint() {
	# shellcheck disable=SC2016 # for the shell on the node
	inside "$1" sh -c 'umask 077 && [ ! -e /etc/kubernetes/admin.conf ] ||
		sed "s|server: .*|server: https://$1:6443|" /etc/kubernetes/admin.conf >/root/own.conf' sh "$(node_address "$1")"
}

# etcd_member NODE OTHER: the id that OTHER has in etcd, as the member on NODE
# knows it; nothing when it is no member.
etcd_member() {
	local members
	members=$(etcdctl_on "$1" member list) || die "etcd on $(node_name "$1") does not say who its members are"
	sed -n "s/^\([0-9a-f]*\), [a-z]*, $(node_name "$2"), .*/\1/p" <<<"$members"
}

etcdctl_on() {
	inside "$1" etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt \
		--cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key "${@:2}" 2>/dev/null
}
