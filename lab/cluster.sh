# shellcheck shell=bash
# A genuine kubeadm cluster: init on node 1, the others join as control planes,
# one after the other because etcd takes one new member at a time.

kubernetes_up() {
	TOKEN=$(openssl rand -hex 3).$(openssl rand -hex 8)
	CERTIFICATE_KEY=$(openssl rand -hex 32)
}

kubernetes_disk() {
	local upper=$DISK/$1/upper
	copy_containerd "$DISK/$1/containerd"
	install -d -m 755 "$upper/etc/kubernetes"
	if [ "$1" = 1 ]; then
		kubeadm_init_config >"$upper/root/kubeadm.yaml"
	else
		kubeadm_join_config "$1" >"$upper/root/kubeadm.yaml"
	fi
}

# What both of init and join say of a node.
node_registration() {
	cat <<-END
		nodeRegistration:
		  name: $(node_name "$1")
		  criSocket: unix:///run/containerd/containerd.sock
		  imagePullPolicy: Never
		  kubeletExtraArgs:
		  - {name: node-ip, value: $(node_address "$1")}
	END
}

# The endpoint is node 1's address, as whoever follows the tutorial has it.
kubeadm_init_config() {
	cat <<-END
		apiVersion: kubeadm.k8s.io/v1beta4
		kind: InitConfiguration
		bootstrapTokens:
		- {token: $TOKEN, ttl: 24h0m0s, groups: ["system:bootstrappers:kubeadm:default-node-token"], usages: [signing, authentication]}
		certificateKey: $CERTIFICATE_KEY
		localAPIEndpoint: {advertiseAddress: $(node_address 1), bindPort: 6443}
		$(node_registration 1)
		---
		apiVersion: kubeadm.k8s.io/v1beta4
		kind: ClusterConfiguration
		kubernetesVersion: v$KUBERNETES_VERSION
		controlPlaneEndpoint: $(node_address 1):6443
		apiServer:
		  certSANs: [$([ "$VIP_SAN" = no ] || echo "$VIP")]
		---
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		cgroupDriver: $(v1_host && echo cgroupfs || echo systemd)
		failCgroupV1: false
		failSwapOn: false
		localStorageCapacityIsolation: false
	END
}

kubeadm_join_config() {
	cat <<-END
		apiVersion: kubeadm.k8s.io/v1beta4
		kind: JoinConfiguration
		discovery:
		  bootstrapToken: {token: $TOKEN, apiServerEndpoint: "$(node_address 1):6443", unsafeSkipCAVerification: true}
		controlPlane:
		  certificateKey: $CERTIFICATE_KEY
		  localAPIEndpoint: {advertiseAddress: $(node_address "$1"), bindPort: 6443}
		$(node_registration "$1")
	END
}

# kubeadm NODE ARGS...: on the node; what it says is in its log there.
kubeadm_on() {
	local node=$1
	shift
	# shellcheck disable=SC2016 # for the shell on the node
	inside "$node" sh -c 'kubeadm "$@" --config /root/kubeadm.yaml --ignore-preflight-errors=all >>/var/log/kubeadm.log 2>&1' sh "$@" || {
		inside "$node" tail -n 25 /var/log/kubeadm.log >&3
		die "$(node_name "$node"): kubeadm $1 failed; its log is above"
	}
	inside "$node" rm /root/kubeadm.yaml
	# shellcheck disable=SC2016 # for the shell on the node
	inside "$node" sh -c 'install -d -o pi -g pi -m 700 /home/pi/.kube && install -o pi -g pi -m 600 /etc/kubernetes/admin.conf /home/pi/.kube/config'
}

kubernetes_ready() {
	local node
	for node in $NODES; do
		inside "$node" sh -c 'until ctr version >/dev/null 2>&1; do sleep 0.2; done'
		if [ "$node" = 1 ]; then
			say "kubeadm init on $(node_name 1)"
			kubeadm_on 1 init --upload-certs --skip-phases=addon/coredns,addon/kube-proxy
			inside 1 cat /etc/kubernetes/pki/ca.crt >"$STATE/ca.crt"
			inside 1 cat /etc/kubernetes/admin.conf >"$STATE/admin.conf"
			chmod 600 "$STATE/admin.conf"
		else
			say "kubeadm join on $(node_name "$node")"
			kubeadm_on "$node" join
		fi
	done
	for node in $NODES; do cluster_wait "$node"; done
}

# cluster_wait NODE: until its own apiserver says it is ready.
cluster_wait() {
	local deadline=$((SECONDS + 120))
	until ip netns exec "$OPERATOR" curl --silent --fail --max-time 5 --cacert "$STATE/ca.crt" \
		"https://$(node_address "$1"):6443/readyz" >/dev/null; do
		[ $SECONDS -lt $deadline ] ||
			die "$(node_name "$1"): /readyz is not ok after 2 minutes; \"lab/lab exec $(node_name "$1") journalctl -u kubelet\" says why"
		sleep 0.5
	done
}
