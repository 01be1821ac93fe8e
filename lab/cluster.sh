# shellcheck shell=bash
# A genuine kubeadm cluster: init on node 1, the others join as control planes
# or workers, one after the other because etcd takes one new member at a time.

# Kept for those who join later, see members.sh.
kubernetes_up() {
	TOKEN=$(openssl rand -hex 3).$(openssl rand -hex 8)
	CERTIFICATE_KEY=$(openssl rand -hex 32)
	(umask 077 && printf 'TOKEN=%s\nCERTIFICATE_KEY=%s\n' "$TOKEN" "$CERTIFICATE_KEY" >"$STATE/kubeadm")
}

kubernetes_disk() {
	local kubernetes=$DISK/$1/upper/etc/kubernetes
	copy_containerd "$DISK/$1/containerd"
	install -d -m 755 "$kubernetes"
	[ "$ANONYMOUS" = on ] || [ "$(role_of "$1")" = worker ] || {
		install -d -m 755 "$kubernetes/patches"
		probe_patch "$1" >"$kubernetes/patches/kube-apiserver0probes+json.yaml"
	}
}

# kubeadm_on NODE VERB ARGS...: on the node, with a configuration from stdin;
# what it says is in its log there.
kubeadm_on() {
	local node=$1
	shift
	# shellcheck disable=SC2016 # for the shell on the node
	inside "$node" sh -c 'umask 077 && cat >/root/kubeadm.yaml && kubeadm "$@" --config /root/kubeadm.yaml >>/var/log/kubeadm.log 2>&1' sh "$@" ||
		kubeadm_failed "$node" "$1"
	inside "$node" rm -f /root/kubeadm.yaml
}

kubeadm_failed() {
	inside "$1" tail -n 25 /var/log/kubeadm.log >&3
	die "$(node_name "$1"): kubeadm $2 failed; its log is above"
}

# admin_for_pi NODE: what kubeadm tells people to do when it is done.
admin_for_pi() {
	inside "$1" sh -c 'install -d -o pi -g pi -m 700 /home/pi/.kube && install -o pi -g pi -m 600 /etc/kubernetes/admin.conf /home/pi/.kube/config'
}

kubeadm_init() {
	kubeadm_init_config | kubeadm_on 1 init --ignore-preflight-errors=all --upload-certs --skip-phases=addon/coredns,addon/kube-proxy
	admin_for_pi 1
	inside 1 cat /etc/kubernetes/pki/ca.crt >"$STATE/ca.crt"
	inside 1 cat /etc/kubernetes/admin.conf >"$STATE/admin.conf"
	chmod 600 "$STATE/admin.conf"
}

# kubeadm_join NODE ENDPOINT
kubeadm_join() {
	[ "$ANONYMOUS" = on ] || discovery_kubeconfig "$2" | inside "$1" sh -c 'umask 077 && cat >/root/discovery.conf'
	kubeadm_join_config "$1" "$2" | kubeadm_on "$1" join --ignore-preflight-errors=all
	inside "$1" rm -f /root/discovery.conf
	[ "$(role_of "$1")" = worker ] || admin_for_pi "$1"
}

kubernetes_ready() {
	local node
	for node in $NODES; do
		inside "$node" sh -c 'until ctr version >/dev/null 2>&1; do sleep 0.2; done'
		case $(role_of "$node") in
		spare) continue ;;
		worker) say "kubeadm join on $(node_name "$node"), a worker" ;;
		*) [ "$node" = 1 ] || say "kubeadm join on $(node_name "$node")" ;;
		esac
		if [ "$node" = 1 ]; then
			say "kubeadm init on $(node_name 1)"
			kubeadm_init
		else
			kubeadm_join "$node" "$(node_address 1):6443"
		fi
	done
	for node in $NODES; do
		case $(role_of "$node") in
		control-plane) cluster_wait "$node" ;;
		worker) worker_wait "$node" ;;
		esac
	done
}

# cluster_wait NODE: until its own apiserver says it is ready.
cluster_wait() {
	local deadline=$((SECONDS + 120))
	until api_ready "$1"; do
		[ $SECONDS -lt $deadline ] ||
			die "$(node_name "$1"): /readyz is not ok after 2 minutes; \"lab/lab exec $(node_name "$1") journalctl -u kubelet\" says why"
		sleep 0.5
	done
}

# worker_wait NODE: until the cluster knows it; kubeadm only waits for its kubelet.
worker_wait() {
	local deadline=$((SECONDS + 60))
	until kubectl_at 1 get node "$(node_name "$1")" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] ||
			die "$(node_name "$1") is no node of the cluster after a minute; \"lab/lab exec $(node_name "$1") journalctl -u kubelet\" says why"
		sleep 0.5
	done
}

# api_ready NODE: asked as the administrator, who is answered everywhere.
api_ready() {
	kubectl_at "$1" get --raw /readyz >/dev/null 2>&1
}

# kubectl_at NODE ARGS...: through that node's apiserver and no other.
kubectl_at() {
	ip netns exec "$OPERATOR" "$NODE_LAYER/usr/bin/kubectl" --kubeconfig "$STATE/admin.conf" --cache-dir "$STATE/kubectl" \
		--request-timeout 5s --server "https://$(node_address "$1"):6443" "${@:2}"
}
